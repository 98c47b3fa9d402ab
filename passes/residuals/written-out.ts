import type { Value } from "../../src/graph/graph.ts";
import type { Setting } from "./residual.ts";

/** Operators that a norm or an activation is written with where it is no operator of its own. */
const PARTS = new Set(
  "LayerNormalization RMSNormalization SimplifiedLayerNormalization Mul Add Sub Div Sqrt Pow Reciprocal ReduceMean ReduceSum Cast Neg Exp Erf Tanh Sigmoid HardSigmoid Softplus Clip Max Min Abs".split(
    " ",
  ),
);

/**
 * The one value that a norm or activation, written out or not, is taken of: where all ways back
 * through its parts end. The value itself where it is made by none; null where the ways end apart.
 */
export function takenOf(
  { constants }: Setting,
  value: Value,
  ends: (value: Value) => boolean = () => false,
): Value | null {
  const found = new Set<Value>();
  const seen = new Set<Value>();
  const pending = [value];
  for (let at = pending.pop(); at && found.size < 2; at = pending.pop()) {
    if (seen.has(at) || constants.has(at)) continue;
    seen.add(at);
    if (!ends(at) && at.producer && PARTS.has(at.producer.op))
      pending.push(...at.producer.inputs.filter((input) => input !== null));
    else found.add(at);
  }
  const [only] = found;
  return found.size === 1 ? only : null;
}
