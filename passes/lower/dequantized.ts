import { type Dimension, placeOfAxis, range } from "../../src/onnx/dtypes.ts";
import type { Composite } from "./composite.ts";

interface Quantized {
  /** Indices of the integers, and of their zero point, which may be absent. */
  readonly x: number;
  readonly zero: number | null;
  readonly from: number;
  /** A scale of its shape, in place of the input. */
  readonly scale?: string;
  /** The axis of the scales if there are several; the last by default. */
  readonly axis?: number;
}

/** The first opset in which DequantizeLinear has an axis. */
const AXIS = 13;

/** Returns integers as the numbers that they stand for. */
export function dequantized(call: Composite, given: Quantized): string {
  const { op, opset, input, inputs, to, shape, refuse } = call;
  const { x, zero, from, scale = input(from), axis = -1 } = given;
  const dims = shape(from);
  const point = zero === null ? null : (inputs[zero] ?? null);
  if (dims.every((size) => size === 1)) return op.DequantizeLinear(input(x), scale, point);
  const rank = shape(x).length;
  const place = placeOfAxis(axis, rank);
  if (dims.length !== 1) return refuse("its scales have several axes");
  if (opset >= AXIS) return op.DequantizeLinear(input(x), scale, point, { axis: place });
  const after = range(rank).slice(1, rank - place);
  const wide = (v: string) => to.unsqueeze(v, after);
  const real = (v: string) => to.cast(v, "float");
  const steps = point === null ? real(input(x)) : op.Sub(real(input(x)), wide(real(point)));
  return op.Mul(steps, wide(scale));
}

/** Rounds floats to 8 bits over their own range. */
export function fakeQuantized({ op }: Composite, x: string): string {
  const [q, scale, zero] = op.DynamicQuantizeLinear(x, {}, 3);
  return op.DequantizeLinear(q, scale, zero);
}

/** What a call reads instead of an input: another of its inputs, or a value that was written. */
type Slot =
  | number
  | null
  | { readonly value: string; readonly dtype: string; readonly shape: readonly Dimension[] };

/** Returns a call with other inputs, for the rule of an operator that takes them so. */
export function rewired(call: Composite, slots: readonly Slot[]): Composite {
  const given = (index: number): Slot => slots[index] ?? null;
  const within = <T>(index: number, read: (k: number) => T, own: (slot: Slot & object) => T): T => {
    const slot = given(index);
    if (typeof slot === "object" && slot !== null) return own(slot);
    return slot === null ? call.refuse(`its input ${index} is absent`) : read(slot);
  };
  const written = (index: number) => typeof given(index) === "object" && given(index) !== null;
  return {
    ...call,
    inputs: slots.map((slot) =>
      slot === null ? null : typeof slot === "number" ? (call.inputs[slot] ?? null) : slot.value,
    ),
    input: (index) => within(index, call.input, ({ value }) => value),
    dtype: (index) => within(index, call.dtype, ({ dtype }) => dtype),
    shape: (index) => within(index, call.shape, ({ shape }) => shape),
    computed: (index) => written(index) || within(index, call.computed, () => true),
    data: (index) => (written(index) ? null : within(index, call.data, () => null)),
    scalar: (value, type = within(0, call.dtype, ({ dtype }) => dtype)) =>
      call.constant(type, [], [value]),
  };
}
