import type { Node } from "./graph.ts";

/** A node as a sentence calls it: by its name, else by the first value it makes. */
export const called = ({ message }: Node): string =>
  message.name || message.outputs.find(Boolean) || "without a name";
