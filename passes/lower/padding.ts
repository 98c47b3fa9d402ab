import { axisLength, upTo } from "./attend.ts";
import type { Composite } from "./composite.ts";

/**
 * Writes what onnxruntime's attention adds for a mask of keys: 0 if the mask allows the key,
 * otherwise `mask_filter_value`, over [B, N, S, T]. The mask is 1 and 0 over [B, T] or [B, S, T],
 * or lengths [B], or ends and starts [2B].
 */
export function paddingBias<V>(call: Composite<V>, index: number, keys: V): V {
  const { op, input, shape, to, scalar, float, dtype } = call;
  const filter = scalar(float("mask_filter_value", -10000));
  const rank = shape(index).length;
  if (rank === 1) {
    const bias = to.where(within(call, index, keys), scalar(0), filter, dtype(0));
    return to.unsqueeze(bias, [1, 2]);
  }
  if (rank > 3) return call.refuse("its mask has four axes");
  const mask = to.cast(input(index), dtype(0));
  const bias = op.Mul(op.Sub(scalar(1), mask), filter);
  return to.unsqueeze(bias, rank === 2 ? [1, 2] : [1]);
}

/** Writes which keys are inside their row, from its start to its end, [B, T]. */
function within<V>(call: Composite<V>, index: number, keys: V): V {
  const { op, input, shape, to, refuse } = call;
  const [count] = shape(index);
  const [batch] = shape(0);
  const at = upTo(call, keys);
  const bounds = to.cast(input(index), "int64");
  if (count === batch && count !== "") return op.Less(at, to.unsqueeze(bounds, [1]));
  if (typeof count !== "number" || typeof batch !== "number" || count !== 2 * batch)
    return refuse("its mask of rank 1 may be [batch] or [2 · batch]");
  const [ends, begins] = to.split(bounds, [batch, batch], 0);
  const early = op.Less(at, to.unsqueeze(begins, [1]));
  return op.And(op.Less(at, to.unsqueeze(ends, [1])), op.Not(early));
}

/** Writes the numbers of queries and keys of [B, N, ·, H], as one-element tensors. */
export const lengths = <V>(call: Composite<V>, q: V, k: V) => ({
  queries: axisLength(call, q, 2),
  keys: axisLength(call, k, 2),
});
