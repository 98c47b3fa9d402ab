import { called, type Node, type Scope } from "../graph/graph.ts";
import { attributeOf } from "../graph/scopes.ts";

/** One difference between two models: where and what. */
export interface Finding {
  readonly kind: "signature" | "metadata" | "opset" | "weight" | "attribute" | "node" | "function";
  /**
   * The kind of a signature's difference that leaves the inputs alike: the order of ports, a size
   * that only one model fixes, or another name or size in a shape.
   */
  readonly code?: "order" | "narrower" | "shape";
  /** The weight, or the node's name or first value, that it is about. */
  readonly subject?: string;
  readonly where: string;
  readonly what: string;
  /** Whether it is an addition, or only matters if the outputs differ. */
  readonly harmless: boolean;
}

/** Returns a node's name, otherwise its first value, and its operator, for reports. */
export const nameAndOperator = (node: Node) => `${called(node)} (${node.op})`;

/** Returns " in then_branch of /If (If)" after a name in reports; "" for the main graph. */
export function placeOf(scope: Scope): string {
  const { kind, name, owner } = scope;
  if (kind === "main") return "";
  if (!owner) return ` in function ${name}`;
  return ` in ${attributeOf(scope)} of ${nameAndOperator(owner)}${placeOf(owner.scope)}`;
}

/** Returns the title of a node in reports: its name, its operator and its place. */
export const titleIn = (node: Node) => `node ${nameAndOperator(node)}${placeOf(node.scope)}`;

/** Returns a difference, which matters unless it is `harmless`. */
export const finding = (
  kind: Finding["kind"],
  where: string,
  what: string,
  harmless = false,
): Finding => ({ kind, where, what, harmless });
