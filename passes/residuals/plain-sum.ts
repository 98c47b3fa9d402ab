import type { Node } from "../../src/graph/graph.ts";
import { type Sum, sumOf, termsAt, weighted } from "./residual.ts";

/** Returns an Add, Sum or Mean as a sum, of which every input is a term; null for other nodes. */
export function plainSum(node: Node): Sum | null {
  const { op } = node;
  const { length } = node.inputs;
  if ((op !== "Add" && op !== "Sum" && op !== "Mean") || length < 2) return null;
  const added = termsAt(node);
  const terms = op === "Mean" ? added.map((term) => weighted(term, 1 / length)) : added;
  return terms.length === length ? sumOf("plain", node, terms) : null;
}
