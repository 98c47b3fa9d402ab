import type { Composite, LoweringRule } from "./composite.ts";

/** quantise(a + b) of dequantised operands; the runtime's own kernel may be a quantum off. */
export const QLinearAdd: LoweringRule = (call) => [
  quantised(call, call.op.Add(real(call, 0), real(call, 3)), 6),
];

/** quantise(a · b) of dequantised operands. */
export const QLinearMul: LoweringRule = (call) => [
  quantised(call, call.op.Mul(real(call, 0), real(call, 3)), 6),
];

const real = <V>({ op, input, inputs }: Composite<V>, index: number) =>
  op.DequantizeLinear(input(index), input(index + 1), inputs[index + 2] ?? null);

/** In integers of the operands' type. */
const quantised = <V>(call: Composite<V>, x: V, index: number) =>
  call.op.QuantizeLinear(
    x,
    call.input(index),
    call.inputs[index + 1] ?? call.constant(call.dtype(0), [], [0]),
  );
