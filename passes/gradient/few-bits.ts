import { elements } from "../../src/onnx/dtypes.ts";
import { fewBitsWeight } from "../lower/few-bits.ts";
import { sumTo } from "./broadcasting.ts";
import type { GradientNode, VjpTable } from "./rule.ts";

/** Products with weights of a few bits. */
export const fewBits = { "com.microsoft.MatMulNBits": matMulNBits } satisfies VjpTable;

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
  const { levels, scales, weight, n, k, blocks, size } = fewBitsWeight(node, late(at, packed));
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

/**
 * Returns a weight in a form that depends on the cotangent: onnxruntime otherwise computes what
 * follows when it loads the model, for all weights, and keeps it.
 */
function late({ op, write, constant, g, outShape, opset, int }: GradientNode, packed: string) {
  if (opset < SLICE) return packed;
  const first = write.slice(write.reshape(g, [elements(outShape(0))]), [0], [1], [0]);
  const zero = write.cast(op.Less(first, first), "int64");
  return op.Slice(packed, zero, constant("int64", [1], [int("N", 0)]), write.ints([0]));
}
