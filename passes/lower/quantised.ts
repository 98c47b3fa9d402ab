import type { Composite, LoweringRule } from "./composite.ts";

/** quantize(a + b) of dequantized operands; onnxruntime's own kernel may differ by one quantum. */
export const QLinearAdd: LoweringRule = (call) => [
  quantised(call, call.op.Add(real(call, 0), real(call, 3)), 6),
];

/** quantize(a · b) of dequantized operands. */
export const QLinearMul: LoweringRule = (call) => [
  quantised(call, call.op.Mul(real(call, 0), real(call, 3)), 6),
];

const real = <V>({ op, input, inputs }: Composite<V>, index: number) =>
  op.DequantizeLinear(input(index), input(index + 1), inputs[index + 2] ?? null);

/** Quantizes to integers of the operands' type. */
const quantised = <V>(call: Composite<V>, x: V, index: number) =>
  call.op.QuantizeLinear(
    x,
    call.input(index),
    call.inputs[index + 1] ?? call.constant(call.dtype(0), [], [0]),
  );
