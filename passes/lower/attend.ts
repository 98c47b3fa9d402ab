import { lowestOf, range } from "../../src/onnx/dtypes.ts";
import type { Composite } from "./composite.ts";

/** What changes attention's weights, in addition to the product of queries and keys. */
export interface Scores {
  readonly scale: number;
  /** Added to the scores in order. */
  readonly biases?: readonly string[];
  /** Where a key may be attended to, [S, T] or more axes; elsewhere the score is the lowest. */
  readonly allowed?: string | null;
  /** Computes softcap · tanh(score / softcap) first; 0 for none. */
  readonly softcap?: number;
  /** Number of heads that share keys and values. */
  readonly sharing?: number;
}

/**
 * Writes softmax(scale Q Kᵀ + biases) V over queries [B, N, S, H], and keys and values of each head or
 * of several, [B, N / sharing, T, H]. Also returns the scaled products, the scores and the weights.
 */
export function attend(
  call: Composite,
  [q, ...both]: readonly [string, string, string],
  { scale, biases = [], allowed = null, softcap = 0, sharing = 1 }: Scores,
) {
  const { op, scalar, to, dtype } = call;
  const [k, v] = both.map((x) => repeatHeads(call, x, sharing));
  const product = op.MatMul(q, op.Transpose(k, { perm: [0, 1, 3, 2] }));
  const scaled = scale === 1 ? product : op.Mul(product, scalar(scale));
  const capped =
    softcap === 0 ? scaled : op.Mul(op.Tanh(op.Mul(scaled, scalar(1 / softcap))), scalar(softcap));
  const biased = biases.reduce((sum, bias) => op.Add(sum, bias), capped);
  const scores =
    allowed === null ? biased : to.where(allowed, biased, scalar(lowestOf(dtype(0))), dtype(0));
  const weights = op.Softmax(scores, { axis: 3 });
  return { output: op.MatMul(weights, v), scaled, capped, scores, weights };
}

/** Puts keys or values [B, N, T, H] behind those of the past, if that input is present. */
export const afterPast = ({ op, inputs }: Composite, index: number, now: string): string =>
  inputs[index] == null ? now : op.Concat([inputs[index], now], { axis: 2 });

/** Reshapes [B, S, N·H] to [B, N, S, H]. */
export function splitHeads({ op, to }: Composite, x: string, heads: number): string {
  return op.Transpose(to.reshape(x, [0, 0, heads, -1]), { perm: [0, 2, 1, 3] });
}

/** Reshapes [B, N, S, H] to [B, S, N·H]. */
export function joinHeads({ op, to }: Composite, x: string): string {
  return to.reshape(op.Transpose(x, { perm: [0, 2, 1, 3] }), [0, 0, -1]);
}

function repeatHeads({ op, to }: Composite, x: string, times: number): string {
  if (times === 1) return x;
  const apart = to.unsqueeze(x, [2]);
  const repeated = op.Concat(new Array<string>(times).fill(apart), { axis: 2 });
  const [batch, heads, , length, width] = range(5).map((k) => axisLength({ op, to }, repeated, k));
  const all = op.Mul(heads, to.ints([times]));
  return op.Reshape(repeated, op.Concat([batch, all, length, width], { axis: 0 }));
}

/** Writes the size of an axis as a one-element tensor. */
export const axisLength = (
  { op, to }: Pick<Composite, "op" | "to">,
  x: string,
  axis: number,
): string => op.Gather(op.Shape(x), to.ints([axis]), { axis: 0 });

/** Writes 0, 1, …, n − 1. */
export function upTo({ op, to, constant }: Composite, n: string): string {
  const zero = constant("int64", [], [0]);
  return op.Range(zero, to.squeeze(n, [0]), constant("int64", [], [1]));
}

/** Writes a causal mask, [S, T]. The last query is at the last key; a window limits the keys. */
export function causal(call: Composite, queries: string, keys: string, window = 0): string {
  const { op, to } = call;
  const from = op.Add(upTo(call, queries), op.Sub(keys, queries));
  return seen(call, to.unsqueeze(from, [1]), upTo(call, keys), window);
}

/** Writes whether keys at `at` are visible from `from`: none later, only the nearest `window`. */
export function seen({ op, constant }: Composite, from: string, at: string, window = 0): string {
  const ahead = op.Greater(at, from);
  if (window <= 0) return op.Not(ahead);
  const behind = op.Less(at, op.Sub(from, constant("int64", [], [window - 1])));
  return op.Not(op.Or(ahead, behind));
}
