import type { Node } from "../../src/graph/graph.ts";
import { hasFact, operandsThat } from "../../src/graph/operators.ts";
import { reasons } from "./reasons.ts";
import { type Sum, sumOf, termsAt } from "./residual.ts";

/** Returns the sum of a node that does not take the branch as a float operand; null for other nodes. */
export function closedSum(node: Node): Sum | null {
  const places = operandsThat(node.op, "closed");
  const terms = places ? termsAt(node, places) : [];
  const sum = terms.length > 0 ? sumOf("closed", node, terms) : null;
  if (!sum) return null;
  const { domain, opType } = node.message;
  if (hasFact(node.op, "scatters")) return { ...sum, closed: reasons.scattered(), rare: true };
  const closed = domain.endsWith("nchwc") ? reasons.blocked() : reasons.closed(opType);
  return { ...sum, closed };
}
