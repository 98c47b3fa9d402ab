import type { Builder } from "../../src/graph/builder.ts";
import { elements } from "../../src/onnx/dtypes.ts";
import type { At } from "./node-at.ts";

/** Writes a node by operators that have kernels for double; null if it is not of a kind that can be. */
export type DoubleRule = (to: Builder, at: At, inputs: readonly string[]) => string | null;

const ones = (count: number): number[] => new Array(count).fill(1);

/** How far a convolution reaches, and in what steps. */
interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
}

/** A convolution as one matrix product: what each place of the kernel sees stands side by side. */
export const convolution: DoubleRule = (to, at, [x, w, bias]) => {
  const dims = at.shape(1);
  const padding = at.text("auto_pad", "NOTSET");
  if (!dims || dims.includes(null) || !["NOTSET", "VALID"].includes(padding)) return null;
  const strides = at.ints("strides") ?? ones(dims.length - 2);
  // Slices have steps from opset 10 on.
  if (at.opset < 10 && strides.some((step) => step > 1)) return null;
  const [filters, channels, ...kernel] = dims as number[];
  const spatial = kernel.length;
  const group = at.int("group", 1);
  const padded = withZeros(to, x, at.ints("pads") ?? []);
  const window = { kernel, strides, dilations: at.ints("dilations") ?? ones(spatial) };
  const seen = places(kernel).map((place) => seenFrom(to, padded, place, window));
  const columns = seen.map((one) => to.to.reshape(one, [0, group, channels, -1]));
  const patches = to.op.Concat(columns, { axis: 2 });
  const matrix = to.op.MatMul(matrixOf(to, w, dims as number[], group), patches);
  const sizes = to.op.Shape(seen[0]);
  const part = (from: number, end: number) => to.to.slice(sizes, [from], [end], [0]);
  const shape = to.op.Concat([part(0, 1), to.to.ints([filters]), part(2, 2 + spatial)], {
    axis: 0,
  });
  const result = to.op.Reshape(matrix, shape);
  return bias ? to.op.Add(result, to.to.reshape(bias, [filters, ...ones(spatial)])) : result;
};

/** An average over windows: the sum of what its places see, over how many of them there are. */
export const averagePool: DoubleRule = (to, at, [x]) => {
  const kernel = at.ints("kernel_shape") ?? [];
  const strides = at.ints("strides") ?? ones(kernel.length);
  const pads = at.ints("pads") ?? new Array(2 * kernel.length).fill(0);
  const isBare = pads.every((pad) => pad === 0);
  const ceils = at.int("ceil_mode", 0) === 1;
  const dilated = at.ints("dilations")?.some((step) => step > 1) ?? false;
  const overlaps = kernel.every((size, axis) => size >= strides[axis]);
  const isPlain = ["NOTSET", "VALID"].includes(at.text("auto_pad", "NOTSET")) && !dilated;
  if (!isPlain || at.opset < 10 || (ceils && !(isBare && overlaps))) return null;
  const window = { kernel, strides, dilations: ones(kernel.length) };
  // A last window that is not full reaches beyond the end.
  const around = ceils
    ? [...ones(kernel.length).fill(0), ...strides.map((step) => step - 1)]
    : pads;
  const total = (of: string) => {
    const padded = withZeros(to, of, around);
    const seen = places(kernel).map((place) => seenFrom(to, padded, place, window));
    return seen.reduce((sum, one) => to.op.Add(sum, one));
  };
  const scalar = (value: number) => to.constant("double", [], [value]);
  const isWhole = ceils
    ? strides.every((step) => step === 1)
    : isBare || at.int("count_include_pad", 0) === 1;
  const count = isWhole
    ? scalar(elements(kernel))
    : total(to.op.Add(to.op.Mul(x, scalar(0)), scalar(1)));
  return to.op.Div(total(x), count);
};

/** A value with zeros around its last axes. */
function withZeros(to: Builder, x: string, pads: readonly number[]): string {
  if (pads.every((pad) => pad === 0)) return x;
  const spatial = pads.length / 2;
  return to.to.pad(x, [0, 0, ...pads.slice(0, spatial), 0, 0, ...pads.slice(spatial)]);
}

/** Every place of a kernel, the last axis first. */
const places = (kernel: readonly number[]): number[][] =>
  kernel.reduce<number[][]>(
    (all, size) => all.flatMap((place) => Array.from({ length: size }, (_, k) => [...place, k])),
    [[]],
  );

/** The end of a slice that has none. */
const WHOLE = 2 ** 31 - 1;

/** What one place of the kernel sees while it moves over x. */
function seenFrom(
  to: Builder,
  x: string,
  place: readonly number[],
  { kernel, strides, dilations }: Window,
): string {
  const starts = place.map((at, axis) => at * dilations[axis]);
  const ends = kernel.map((size, axis) => starts[axis] - (size - 1) * dilations[axis] || WHOLE);
  return to.to.strided(x, {
    starts,
    ends,
    axes: kernel.map((_, axis) => axis + 2),
    steps: strides,
  });
}

/** The weights as a matrix for each group: filters by places of the kernel and channels. */
function matrixOf(
  to: Builder,
  w: string,
  [filters, channels, ...kernel]: readonly number[],
  group: number,
): string {
  const size = elements(kernel);
  const flat = to.to.reshape(w, [group, filters / group, channels, size]);
  const turned = to.op.Transpose(flat, { perm: [0, 1, 3, 2] });
  return to.to.reshape(turned, [group, filters / group, size * channels]);
}
