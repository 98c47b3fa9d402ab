/**
 * The operators that passes write with, named and spelled as ONNX does, opset 7 to today.
 * Read with V = a value's name this builds nodes; other readings evaluate or print.
 */
export interface Ops<V> {
  Add(a: V, b: V): V;
  Sub(a: V, b: V): V;
  Mul(a: V, b: V): V;
  Sigmoid(x: V): V;
  /** The axis is always given: its default changed in opset 13. */
  Softmax(x: V, attributes: { axis: number }): V;
  Gather(data: V, indices: V, attributes: { axis: number }): V;
  /** Product of the last two axes, numpy's broadcasting over the others. */
  MatMul(a: V, b: V): V;
  /** x: [N, C, …], w: [M, C, …]. */
  Conv(x: V, w: V): V;
  Transpose(x: V, attributes: { perm: readonly number[] }): V;
}

/** What an operator call comes to: its name, inputs and attributes. */
export type Emit<V> = (
  op: keyof Ops<V>,
  inputs: readonly V[],
  attributes?: Readonly<Record<string, number | readonly number[]>>,
) => V;

/** The vocabulary over one function that takes every call. */
export const opsOver = <V>(emit: Emit<V>): Ops<V> => ({
  Add: (a, b) => emit("Add", [a, b]),
  Sub: (a, b) => emit("Sub", [a, b]),
  Mul: (a, b) => emit("Mul", [a, b]),
  Sigmoid: (x) => emit("Sigmoid", [x]),
  Softmax: (x, attributes) => emit("Softmax", [x], attributes),
  Gather: (data, indices, attributes) => emit("Gather", [data, indices], attributes),
  MatMul: (a, b) => emit("MatMul", [a, b]),
  Conv: (x, w) => emit("Conv", [x, w]),
  Transpose: (x, attributes) => emit("Transpose", [x], attributes),
});
