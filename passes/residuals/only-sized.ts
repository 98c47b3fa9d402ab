import type { Value } from "../../src/graph/graph.ts";
import { operatorsThat } from "../../src/graph/operators.ts";
import { walk } from "../../src/graph/walk.ts";

const SIZING = operatorsThat("sizes");

/** Maximum number of values that are made of a sum before its shape is read. */
const LOOKS = 64;

/** Values of which an output, or too much, is made: what they are made of is no different. */
const further = new WeakSet<Value>();

/**
 * Whether a value and all that is made of it end in operators that read a shape, as in what
 * exporters write for `broadcast_tensors`.
 */
export function isOnlySized(value: Value): boolean {
  const read = ({ uses }: Value) => uses.filter(({ node }) => !SIZING.has(node.op));
  const next = (at: Value) =>
    read(at).flatMap(({ node }) => node.outputs.filter((output) => output !== null));
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
