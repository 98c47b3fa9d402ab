import { elements } from "../../src/onnx/dtypes.ts";
import { fewBitsWeight } from "../lower/few-bits.ts";
import { sumTo } from "./broadcasting.ts";
import type { GradientNode, VjpTable } from "./rule.ts";

/** Products with weights of a few bits. */
export const fewBits = {
  "com.microsoft.MatMulBnb4": matMulBnb4,
  "com.microsoft.MatMulNBits": matMulNBits,
} satisfies VjpTable;

/** The first opset in which Slice takes its starts as an input. */
const SLICE = 10;

/**
 * Y = A Wᵀ + bias, with W of few bits: G W, and by way of ∂W = Gᵀ A those of scales and zero
 * points. The forward pass keeps its kernel. W is written as floats in the backward pass, when its
 * turn comes, so that one weight at a time takes the room that it takes as floats.
 */
function matMulNBits(at: GradientNode, a: string, packed: string) {
  const { op, write: to, g, needs, shape, inputs, int, scalar, refuse } = at;
  const node = { op, to, inputs, int, scalar, dtype: at.inputType, refuse };
  const later = late(at, packed, int("N", 0));
  const { levels, scales, weight, n, k, blocks, size } = fewBitsWeight(node, later);
  const rows = elements(shape(0)) / k;
  const block = [n, blocks, size];
  const byWeight = () => {
    const flat = op.Transpose(to.reshape(g, [rows, n]), { perm: [1, 0] });
    const products = op.MatMul(flat, to.reshape(a, [rows, k]));
    const over = blocks * size - k;
    return to.reshape(over === 0 ? products : to.pad(products, [0, 0, 0, over]), block);
  };
  const sum = (x: string, input: number) =>
    to.reshape(to.reduce("ReduceSum", x, [2]), shape(input));
  return [
    needs[0] ? op.MatMul(g, weight) : null,
    null,
    needs[2] ? sum(op.Mul(byWeight(), levels), 2) : null,
    needs[3] ? sum(op.Neg(op.Mul(byWeight(), scales)), 3) : null,
    null,
    needs[5] ? sumTo(to, g, at.outShape(0), shape(5)) : null,
  ];
}

/** The numbers that the codes of bitsandbytes' formats of 4 bits stand for, without their scale. */
const FP4 = [0, 1 / 192, 2 / 3, 1, 1 / 3, 1 / 2, 1 / 6, 1 / 4];
const NF4 = [
  ...[-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635],
  ...[-0.18477343022823334, -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725],
  ...[0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941],
  ...[0.7229568362236023, 1],
];

/** Y = A Wᵀ: the codes of W in a row, two in a byte, and a scale for each block of the row. */
function matMulBnb4(at: GradientNode, _: string, packed: string, scales: string) {
  const { op, write: to, g, dtype, scalar, constant, int, needs, refuse } = at;
  if (needs[2]) return refuse("gradients of its scales are not supported; leave them out");
  if (int("transB", 1) === 0) return refuse("its weight is not transposed");
  const [n, k, size] = ["N", "K", "block_size"].map((name) => int(name, 0));
  const blocks = Math.ceil((n * k) / size);
  const values = int("quant_type", 1) === 1 ? NF4 : [...FP4, ...FP4.map((value) => -value)];
  const bytes = to.cast(late(at, packed, Math.ceil((n * k) / 2)), dtype);
  const high = op.Floor(op.Mul(bytes, scalar(1 / 16)));
  const codes = [high, op.Sub(bytes, op.Mul(high, scalar(16)))].map((v) => to.unsqueeze(v, [1]));
  const flat = to.slice(to.reshape(op.Concat(codes, { axis: 1 }), [-1]), [0], [n * k], [0]);
  const known = op.Gather(constant(dtype, [16], values), to.cast(flat, "int64"), { axis: 0 });
  const rows = to.reshape(to.pad(known, [0, blocks * size - n * k]), [blocks, size]);
  const scaled = to.reshape(op.Mul(rows, to.unsqueeze(scales, [1])), [-1]);
  const weight = to.reshape(to.slice(scaled, [0], [n * k], [0]), [n, k]);
  return [op.MatMul(g, weight), null, null];
}

/**
 * Returns a weight in a form that depends on the cotangent: onnxruntime otherwise computes what
 * follows when it loads the model, for all weights, and keeps it.
 */
function late(at: GradientNode, packed: string, length: number) {
  const { op, write, constant, g, outShape, opset } = at;
  if (opset < SLICE) return packed;
  const first = write.slice(write.reshape(g, [elements(outShape(0))]), [0], [1], [0]);
  const zero = write.cast(op.Less(first, first), "int64");
  return op.Slice(packed, zero, constant("int64", [1], [length]), write.ints([0]));
}
