import type { Node } from "../../src/graph/graph.ts";
import { operandsThat } from "../../src/graph/operators.ts";
import { reasons } from "./reasons.ts";
import { type Sum, termsAt } from "./residual.ts";

const CLOSED = operandsThat("closed");

/** A sum whose branch is not an operand, or only as integers; it must be lowered first. */
export function closedSum(node: Node): Sum | null {
  const places = CLOSED.get(node.op);
  const [output] = node.outputs;
  if (!places || !output) return null;
  const terms = termsAt(node, places);
  if (terms.length === 0) return null;
  const { domain, opType } = node.message;
  const sum = { form: "closed", node, output, terms, place: 0, bias: null };
  if (opType.startsWith("Scatter")) return { ...sum, closed: reasons.scattered(), rare: true };
  const closed = domain.endsWith("nchwc") ? reasons.blocked() : reasons.closed(opType);
  return { ...sum, closed };
}
