import { afterPast, attend, axisLength, causal, joinHeads, splitHeads, upTo } from "./attend.ts";
import { type Composite, type LoweringRule, plus } from "./composite.ts";

/** com.microsoft.Attention: (input, weights, bias, mask_index, past, attention_bias) → (output, present). */
export const MicrosoftAttention: LoweringRule = (call) => {
  const { op, input, inputs, shape, int, ints, to, refuse, wants, fixed } = call;
  if (int("do_rotary", 0) === 1) return refuse("it rotates its queries and keys");
  if (int("past_present_share_buffer", 0) === 1)
    return refuse("its past shares a buffer with its output");
  const heads = int("num_heads", 1);
  const width = fixed(shape(1).at(-1), "its weights do not have a fixed size");
  const sizes = ints("qkv_hidden_sizes") ?? [width / 3, width / 3, width / 3];
  const all = to.split(plus(call, op.MatMul(input(0), input(1)), 2), sizes, 2);
  const [q, newK, newV] = all.map((x) => splitHeads(call, x, heads));
  const past = inputs[4] ?? null;
  const [k, v] = [newK, newV].map((now, index) => {
    if (past === null) return now;
    const before = op.Gather(past, call.constant("int64", [], [index]), { axis: 0 });
    return op.Concat([before, now], { axis: 2 });
  });
  const both = () => op.Concat([to.unsqueeze(k, [0]), to.unsqueeze(v, [0])], { axis: 0 });
  const { output } = masked(call, [q, k, v], { head: sizes[0] / heads, mask: 3, bias: 5 });
  return [joinHeads(call, output), wants(1) ? both() : null];
};

/**
 * com.microsoft.MultiHeadAttention: (query, key, value, bias, key_padding_mask, attention_bias,
 * past_key, past_value) → (output, present_key, present_value, qk).
 */
export const MultiHeadAttention: LoweringRule = (call) => {
  const { inputs, int, refuse } = call;
  if (inputs[8] != null || inputs[9] != null)
    return refuse("its past shares a buffer with its output");
  const { operands, head } = projected(call, int("num_heads", 1));
  const [q, newK, newV] = operands;
  const [k, v] = [afterPast(call, 6, newK), afterPast(call, 7, newV)];
  const { output, scaled } = masked(call, [q, k, v], { head, mask: 4, bias: 5 });
  return [joinHeads(call, output), k, v, scaled];
};

/** Returns queries, keys and values as [B, N, ·, H] from any of their forms, with biases added. */
function projected(call: Composite, heads: number) {
  const { op, input, inputs, shape, to, refuse, fixed } = call;
  const apart = (x: string, count: number) =>
    to.split(x, new Array(count).fill(1), 3).map((part) => to.squeeze(part, [3]));
  const forward = (x: string) => op.Transpose(x, { perm: [0, 2, 1, 3] });
  const packed = shape(0).length === 5;
  const width = fixed(shape(0).at(-1), "the head size is not fixed");
  const head = packed ? width : width / heads;
  const sizes = [head * heads, head * heads];
  const split = (bias: string) => {
    const total = fixed(shape(3)[0], "its bias does not have a fixed size");
    return to.split(bias, [...sizes, total - sizes[0] - sizes[1]], 0);
  };
  const biases = inputs[3] == null ? null : split(inputs[3]);
  const biased = (x: string, k: number) => (biases === null ? x : op.Add(x, biases[k]));
  const flat = (x: string, k: number) => splitHeads(call, biased(x, k), heads);
  if (packed) {
    if (biases !== null) return refuse("its packed operands have a bias");
    const [q, k, v] = apart(input(0), 3).map(forward);
    return { operands: [q, k, v] as const, head };
  }
  if (inputs[1] != null && shape(1).length === 5) {
    const [k, v] = apart(input(1), 2).map(forward);
    return { operands: [flat(input(0), 0), k, v] as const, head };
  }
  if (shape(1).length === 4) {
    if (biases !== null) return refuse("its keys are split into heads and have a bias");
    return { operands: [flat(input(0), 0), input(1), input(2)] as const, head };
  }
  const operands = [flat(input(0), 0), flat(input(1), 1), flat(input(2), 2)] as const;
  return { operands, head };
}

function masked(
  call: Composite,
  operands: readonly [string, string, string],
  at: { readonly head: number; readonly mask: number; readonly bias: number },
) {
  const { inputs, int, float } = call;
  const directed = int("unidirectional", 0) === 1;
  const padded = inputs[at.mask] != null;
  const biases: string[] = [];
  let allowed: string | null = null;
  if (directed || padded) {
    const { queries, keys } = lengths(call, operands[0], operands[1]);
    if (padded) biases.push(paddingBias(call, at.mask, keys));
    if (directed) allowed = causal(call, queries, keys);
  }
  if (inputs[at.bias] != null) biases.push(inputs[at.bias]!);
  const scale = float("scale", 0) || 1 / Math.sqrt(at.head);
  return attend(call, operands, { scale, biases, allowed });
}

/**
 * Writes what onnxruntime's attention adds for a mask of keys: 0 if the mask allows the key,
 * otherwise `mask_filter_value`, over [B, N, S, T]. The mask is 1 and 0 over [B, T] or [B, S, T],
 * or lengths [B], or ends and starts [2B].
 */
function paddingBias(call: Composite, index: number, keys: string): string {
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
function within(call: Composite, index: number, keys: string): string {
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
export const lengths = (call: Composite, q: string, k: string) => ({
  queries: axisLength(call, q, 2),
  keys: axisLength(call, k, 2),
});
