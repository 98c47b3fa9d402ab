import { outputsOf, type Value } from "../../src/graph/graph.ts";
import { operatorsThat } from "../../src/graph/operators.ts";
import { walk } from "../../src/graph/walk.ts";

const SIZING = operatorsThat("sizes");

/** Maximum number of values that a search visits. */
const LOOKS = 64;

/** Values that lead to an output, or to more values than are searched. So does what they are computed from. */
const further = new WeakSet<Value>();

/**
 * Whether only the shape of a value matters: every path from it ends in an operator that reads
 * shapes. Exporters write such values for `broadcast_tensors`.
 */
export function isOnlySized(value: Value): boolean {
  const read = ({ uses }: Value) => uses.filter(({ node }) => !SIZING.has(node.op));
  const next = (at: Value) => read(at).flatMap(({ node }) => outputsOf(node));
  let looks = 0;
  let isSized = false;
  for (const at of walk([value], next)) {
    if (at.isOutput || ++looks > LOOKS || further.has(at)) {
      further.add(value);
      return false;
    }
    isSized ||= read(at).length < at.uses.length;
  }
  return isSized;
}
