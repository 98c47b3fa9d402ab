import type { Node } from "./graph.ts";

/** A node as a sentence calls it: by its name, else by the first value it makes. */
export const called = ({ message }: Node): string =>
  message.name || message.outputs.find(Boolean) || "without a name";

/** A node as a refusal begins: its operator, and what it is called. */
export const titleOf = (node: Node): string => `${node.op} at ${called(node)}`;
