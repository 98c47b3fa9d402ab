import { tanhGelu } from "./activations.ts";
import type { Composite, LoweringRule } from "./composite.ts";
import { rewired } from "./dequantized.ts";
import { fewBitsNumbers } from "./few-bits.ts";

/**
 * com.microsoft.MoE: (tokens, scores of E experts, then weights [E, out, in] and biases [E, out] of two
 * layers) → tokens. Here every expert computes every token; those that are not among a token's
 * first k have the weight 0.
 */
export const MoE: LoweringRule = (call) => {
  const { op, to, input, inputs, int, shape, fixed, refuse } = call;
  if (int("use_sparse_mixer", 0) === 1) return refuse("it samples its experts");
  if (inputs[6] != null)
    return refuse("it has a third layer, which onnxruntime does not run on a CPU");
  const width = fixed(shape(0).at(-1), "its last axis does not have a fixed size");
  const layer = (x: string, weights: number) => {
    const product = op.MatMul(x, op.Transpose(input(weights), { perm: [0, 2, 1] }));
    const bias = inputs[weights + 1];
    return bias == null ? product : op.Add(product, to.unsqueeze(bias, [1]));
  };
  const inner = activation(call, layer(to.reshape(input(0), [1, -1, width]), 2));
  const weighted = op.Mul(layer(inner, 4), shares(call));
  return [op.Reshape(to.reduce("ReduceSum", weighted, [0], false), op.Shape(input(0)))];
};

/**
 * com.microsoft.QMoE: a MoE whose weights are integers of few bits, with scales and perhaps zero
 * points. onnxruntime's CPU provider divides each token's scores by their sum, whatever is asked for.
 * With 8 bits in blocks it also rounds what a layer reads to 8 bits, block by block, unless
 * session.disable_prepacking is set: its outputs then differ from these by up to 2 % of the largest.
 */
export const QMoE: LoweringRule = (call) => {
  const { inputs, int, text, refuse } = call;
  const bits = int("expert_weight_bits", 4);
  if (text("quant_type", "int") !== "int" || ![2, 4, 8].includes(bits))
    return refuse("its weights are not integers of 2, 4 or 8 bits");
  if (inputs[14] != null) return refuse("different scores choose and weight its experts");
  const layers = [
    [2, 3, 11],
    [5, 6, 12],
  ].map((at) => weightOf(call, at, bits));
  const experts = rewired(call, [0, 1, layers[0], 4, layers[1], 7, inputs[8] == null ? null : 8]);
  const asked = (name: string, otherwise: number) =>
    name === "normalize_routing_weights" ? 1 : int(name, otherwise);
  return MoE({ ...experts, int: asked });
};

/** The weight [E, out, in] of a QMoE's layer, of which a row has one scale or one for each block. */
function weightOf(call: Composite, [packed, scale, zero]: readonly number[], bits: number) {
  const { op, to, input, inputs, shape, scalar, dtype, fixed } = call;
  const size = (of: number, axis: number) =>
    fixed(shape(of)[axis], "a size of its weights is not fixed");
  const [experts, rows, bytes] = [0, 1, 2].map((axis) => size(packed, axis));
  const dims = [experts, rows, (bytes * 8) / bits];
  const blocks = shape(scale).length === 3 ? [size(scale, 2)] : [];
  const each = [experts, rows, blocks[0] ?? 1, 1];
  const levels = to.reshape(fewBitsNumbers(call, input(packed), bits, dims), [
    ...each.slice(0, 3),
    -1,
  ]);
  const points =
    inputs[zero] == null
      ? scalar(2 ** (bits - 1))
      : to.reshape(fewBitsNumbers(call, input(zero), bits, [experts, rows, ...blocks]), each);
  const weight = op.Mul(op.Sub(levels, points), to.reshape(input(scale), each));
  return { value: to.reshape(weight, dims), dtype: dtype(0), shape: dims };
}

/** The share of each expert in each token, [E, tokens, 1]; 0 except for the first k. */
function shares({ op, to, input, int, shape, scalar, fixed }: Composite): string {
  const count = fixed(shape(1).at(-1), "its number of experts is not fixed");
  const every = op.Softmax(to.reshape(input(1), [-1, count]), { axis: 1 });
  const [first, experts] = op.TopK(every, to.ints([int("k", 1)]), { axis: 1 }, 2);
  const isWhole = int("normalize_routing_weights", 0) === 1;
  const given = isWhole ? op.Div(first, to.reduce("ReduceSum", first, [1])) : first;
  const placed = to.scatter(op.Mul(every, scalar(0)), experts, given, 1);
  return to.unsqueeze(op.Transpose(placed, { perm: [1, 0] }), [2]);
}

/** The activation of the first layer; swiglu reads pairs, a gate and what it lets through. */
function activation(call: Composite, x: string): string {
  const { op, to, int, float, shape, scalar, dtype, fixed, text, refuse } = call;
  const name = text("activation_type", "relu");
  if (name === "identity") return x;
  if (name === "relu") return op.Relu(x);
  if (name === "gelu") return tanhGelu(call, x);
  if (name === "silu") return op.Mul(x, op.Sigmoid(x));
  if (name !== "swiglu" || int("swiglu_fusion", 0) !== 1)
    return refuse(`its activation is ${name} in a form that onnxruntime's CPU does not have`);
  const [experts, both] = shape(2).map((size) => fixed(size, "a size of its weights is not fixed"));
  const pairs = to.split(to.reshape(x, [experts, -1, both / 2, 2]), [1, 1], 3);
  const limit = float("swiglu_limit", 0) || null;
  const [gate, value] = pairs.map((v, k) => {
    const part = to.squeeze(v, [3]);
    return limit ? to.clip(part, k === 0 ? null : -limit, limit, dtype(0)) : part;
  });
  const open = op.Sigmoid(op.Mul(gate, scalar(float("activation_alpha", 1))));
  return op.Mul(op.Mul(gate, open), op.Add(value, scalar(float("activation_beta", 0))));
}
