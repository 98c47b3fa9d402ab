import type { Node } from "../graph/graph.ts";

/** One thing in which two models differ: where, and what of it. */
export interface Finding {
  readonly kind: "signature" | "metadata" | "opset" | "weight" | "attribute" | "node" | "function";
  readonly where: string;
  readonly what: string;
  /** Told for information: something added, or of which the outputs decide whether it matters. */
  readonly harmless: boolean;
}

/** A node as a report calls it: its name, else the value it makes, and its operator. */
export const titleOf = (node: Node) =>
  `${node.message.name || (node.message.outputs.find(Boolean) ?? "")} (${node.op})`;
