import { called } from "../graph/called.ts";
import type { Node, Scope } from "../graph/graph.ts";

/** One difference between two models: where and what. */
export interface Finding {
  readonly kind: "signature" | "metadata" | "opset" | "weight" | "attribute" | "node" | "function";
  /**
   * The kind of a signature's difference: the order of ports, or a size that only one model fixes.
   */
  readonly code?: "order" | "narrower";
  /** The weight, or the node's name or first value, that it is about. */
  readonly subject?: string;
  readonly where: string;
  readonly what: string;
  /**
   * Whether it is only informational: an addition, or something that only matters if the outputs
   * differ.
   */
  readonly harmless: boolean;
}

/** Returns a node's name, otherwise its first value, and its operator, for reports. */
export const nameAndOperator = (node: Node) => `${called(node)} (${node.op})`;

/**
 * Returns the position of a scope after a name in reports: " in then_branch of /If (If)"; "" for
 * the main graph.
 */
export function placeOf({ kind, name, message, owner }: Scope): string {
  if (kind === "main") return "";
  if (!owner) return ` in function ${name}`;
  const part = owner.message.attributes.find(
    ({ g, graphs }) => g === message || graphs.some((graph) => graph === message),
  );
  return ` in ${part?.name ?? "a body"} of ${nameAndOperator(owner)}${placeOf(owner.scope)}`;
}
