import type { Ops } from "../../src/graph/ops.ts";
import type { Composite, Rule } from "./composite.ts";

/** quantise(a + b) of dequantised operands; the runtime's own kernel may be a quantum off. */
export const QLinearAdd: Rule = (op, call) => [
  quantised(op, call, op.Add(real(op, call, 0), real(op, call, 3)), 6),
];

/** quantise(a · b) of dequantised operands. */
export const QLinearMul: Rule = (op, call) => [
  quantised(op, call, op.Mul(real(op, call, 0), real(op, call, 3)), 6),
];

const real = <V>(op: Ops<V>, { input, inputs }: Composite<V>, index: number) =>
  op.DequantizeLinear(input(index), input(index + 1), inputs[index + 2] ?? null);

/** In integers of the operands' type. */
const quantised = <V>(op: Ops<V>, call: Composite<V>, x: V, index: number) =>
  op.QuantizeLinear(
    x,
    call.input(index),
    call.inputs[index + 1] ?? call.constant(call.dtype(0), [], [0]),
  );
