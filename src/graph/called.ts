import type { Node } from "./graph.ts";

/** Returns the name of a node for messages: its own name, otherwise its first output. */
export const called = ({ message }: Node): string =>
  message.name || message.outputs.find(Boolean) || "without a name";

/** Returns the start of a message about a node: its operator and its name. */
export const titleOf = (node: Node): string => `${node.op} at ${called(node)}`;
