import { afterPast, attend, causal, joinHeads, seen, splitHeads, upTo } from "./attend.ts";
import { lengths } from "./attention.ts";
import type { Composite, LoweringRule } from "./composite.ts";
import { angles, rotated } from "./rotary.ts";

/**
 * com.microsoft.GroupQueryAttention of rows of equal length: (query, key, value, past_key,
 * past_value, seqlens_k, total_sequence_length, cos_cache, sin_cache, position_ids, attention_bias)
 * → (output, present_key, present_value). Queries and keys are rotated by their positions after the
 * past.
 */
export const GroupQueryAttention: LoweringRule = (call) => {
  const { input, inputs, int, float, text, refuse, wants, to, fixed } = call;
  if (inputs[11] != null || int("smooth_softmax", 0) === 1)
    return refuse("it has an attention sink");
  if (text("k_quant_type", "NONE") !== "NONE" || text("v_quant_type", "NONE") !== "NONE")
    return refuse("its past is quantized");
  if (wants(3)) return refuse("it outputs its products");
  const { heads, shared, width, operands } = unpacked(call);
  let [q, newK] = operands;
  if (int("do_rotary", 0) === 1) {
    const half = fixed(call.shape(7).at(-1), "its angles do not have a fixed size");
    const interleaved = int("rotary_interleaved", 0) === 1;
    const rotation = { width: 2 * half, whole: width, interleaved };
    const places = positions(call, q, inputs[3] ?? null);
    const table = (index: number) => angles(call, input(index), places);
    const turn = [table(7), table(8)] as const;
    q = rotated(call, q, turn, rotation);
    newK = rotated(call, newK, turn, rotation);
  }
  const [k, v] = [afterPast(call, 3, newK), afterPast(call, 4, operands[2])];
  const { queries, keys } = lengths(call, q, k);
  const { output } = attend(call, [q, k, v], {
    scale: float("scale", 0) || 1 / Math.sqrt(width),
    softcap: float("softcap", 0),
    allowed: to.unsqueeze(causal(call, queries, keys, int("local_window_size", -1)), [0, 1]),
    biases: inputs[10] == null ? [] : [inputs[10]],
    sharing: heads / shared,
  });
  return [joinHeads(call, output), k, v];
};

/** Returns queries, keys and values as [B, N, S, H], from one tensor or three. */
function unpacked(call: Composite) {
  const { input, inputs, shape, int, to, fixed } = call;
  const [heads, shared] = [int("num_heads", 1), int("kv_num_heads", 1)];
  const features = fixed(shape(0).at(-1), "the head size is not fixed");
  const packed = inputs[1] == null;
  const width = features / (packed ? heads + 2 * shared : heads);
  const parts = packed
    ? to.split(input(0), [heads * width, shared * width, shared * width], 2)
    : [input(0), input(1), input(2)];
  const [q, k, v] = parts.map((x, at) => splitHeads(call, x, at === 0 ? heads : shared));
  return { heads, shared, width, operands: [q, k, v] as const };
}

/** Returns the positions of the new queries, [1 or B, S]: after the past, or as given. */
function positions(call: Composite, q: string, past: string | null): string {
  const { op, to, inputs } = call;
  const given = inputs[9] ?? null;
  if (given !== null) return given;
  const { queries, keys } = lengths(call, q, past ?? q);
  const first = upTo(call, queries);
  return to.unsqueeze(past === null ? first : op.Add(first, keys), [0]);
}

/**
 * ai.onnx.Attention: (Q, K, V, attn_mask, past_key, past_value) → (Y, present_key, present_value,
 * qk_matmul_output).
 */
export const Attention: LoweringRule = (call) => {
  const { op, input, inputs, shape, int, float, refuse, dtype, to, fixed } = call;
  if (inputs[6] != null) return refuse("its keys are padded");
  const flat = shape(0).length === 3;
  const split = (index: number, name: string) =>
    flat ? splitHeads(call, input(index), int(name, 1)) : input(index);
  const q = split(0, "q_num_heads");
  const [k, v] = [1, 2].map((index) => afterPast(call, 3 + index, split(index, "kv_num_heads")));
  const [heads, shared, features] = [
    flat ? int("q_num_heads", 1) : shape(0)[1],
    flat ? int("kv_num_heads", 1) : shape(1)[1],
    shape(0).at(-1),
  ].map((size) => fixed(size, "the number or the size of its heads is not fixed"));
  const masked = inputs[3] != null;
  const choosing = masked && dtype(3) === "bool";
  const past = inputs[4] ?? null;
  let allowed = choosing ? input(3) : null;
  if (int("is_causal", 0) === 1) {
    const { queries, keys } = lengths(call, q, k);
    const first = upTo(call, queries);
    const from = past === null ? first : op.Add(first, lengths(call, q, past).keys);
    const ahead = seen(call, to.unsqueeze(from, [1]), upTo(call, keys));
    allowed = allowed === null ? ahead : op.And(allowed, ahead);
  }
  const attended = attend(call, [q, k, v], {
    scale: float("scale", 0) || 1 / Math.sqrt(flat ? features / heads : features),
    softcap: float("softcap", 0),
    allowed,
    biases: masked && !choosing ? [input(3)] : [],
    sharing: heads / shared,
  });
  const asked = [attended.scaled, attended.capped, attended.scores, attended.weights][
    int("qk_matmul_output_mode", 0)
  ];
  return [flat ? joinHeads(call, attended.output) : attended.output, k, v, asked];
};
