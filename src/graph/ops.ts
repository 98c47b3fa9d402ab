import type { Attributes } from "./encode.ts";

/**
 * The operators that passes write with, named and spelled as ONNX does, opset 7 to today.
 * Read with V = a value's name this builds nodes; other readings evaluate or print. An operator
 * of several outputs gives a list.
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

/** Inputs of each operator; what follows them in a call is its attributes. */
const INPUTS = {
  Add: 2,
  Sub: 2,
  Mul: 2,
  Sigmoid: 1,
  Softmax: 1,
  Gather: 2,
  MatMul: 2,
  Conv: 2,
  Transpose: 1,
} satisfies Record<keyof Ops<unknown>, number>;

/** What an operator call comes to: its name, inputs and attributes. */
export type Emit<V> = (op: keyof Ops<V>, inputs: readonly V[], attributes: Attributes) => V;

interface Emitting {
  readonly emit: Emit<unknown>;
}

/** One method for each operator, made once: passes take a vocabulary for every place they write at. */
const vocabulary = Object.fromEntries(
  Object.entries(INPUTS).map(([op, count]) => [
    op,
    function (this: Emitting, ...given: unknown[]) {
      const attributes = (given[count] ?? {}) as Attributes;
      return this.emit(op as keyof Ops<unknown>, given.slice(0, count), attributes);
    },
  ]),
);

/** The vocabulary over one function that takes every call. */
export const opsOver = <V>(emit: Emit<V>): Ops<V> =>
  Object.assign(Object.create(vocabulary), { emit }) as Ops<V>;
