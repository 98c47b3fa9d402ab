import { called } from "../graph/called.ts";
import type { Node, Scope } from "../graph/graph.ts";

/** One thing in which two models differ: where, and what of it. */
export interface Finding {
  readonly kind: "signature" | "metadata" | "opset" | "weight" | "attribute" | "node" | "function";
  /** What kind of a signature's difference it is: order of ports, or a size that only one model fixes. */
  readonly code?: "order" | "narrower";
  /** The weight, or the node's name or first value, that it is about. */
  readonly subject?: string;
  readonly where: string;
  readonly what: string;
  /** Told for information: something added, or of which the outputs decide whether it matters. */
  readonly harmless: boolean;
}

/** A node as a report calls it: its name, else the value it makes, and its operator. */
export const nameAndOperator = (node: Node) => `${called(node)} (${node.op})`;

/** Where a scope stands, as a report says it after a name: " in then_branch of /If (If)"; "" for the main graph. */
export function placeOf({ kind, name, message, owner }: Scope): string {
  if (kind === "main") return "";
  if (!owner) return ` in function ${name}`;
  const part = owner.message.attributes.find(
    ({ g, graphs }) => g === message || graphs.some((graph) => graph === message),
  );
  return ` in ${part?.name ?? "a body"} of ${nameAndOperator(owner)}${placeOf(owner.scope)}`;
}
