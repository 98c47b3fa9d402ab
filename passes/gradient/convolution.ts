import { elements, range } from "../../src/onnx/dtypes.ts";
import type { ShapedName } from "./broadcasting.ts";
import type { GradientNode, VjpTable } from "./rule.ts";
import { type Window, windowOf } from "./window.ts";

/** Convolutions with any number of spatial axes, group, stride, dilation and padding. */
export const convolutions = {
  Conv: (at, x, w) => {
    const { g, shape, outShape, needs, inputs } = at;
    const [input, cotangent] = sized(at, x);
    const window = windowOf(at, shape(1).slice(2), shape(0).slice(2), outShape(0).slice(2));
    return [
      needs[0] ? toInput(at, g, w, window) : null,
      needs[1] ? toKernel(at, input, cotangent, window) : null,
      inputs[2] ? toBias(at) : null,
    ];
  },
  // The transpose of a convolution: x and y swap roles.
  ConvTranspose: (at, x, w) => {
    const { op, g, shape, outShape, needs, inputs } = at;
    const [input, cotangent] = sized(at, x);
    // ONNX does not infer sizes if output_shape is smaller than that of x.
    if (outShape(0).length < shape(0).length) at.refuse("it makes its input smaller");
    const window = windowOf(at, shape(1).slice(2), outShape(0).slice(2), shape(0).slice(2));
    const { strides, dilations, pads, group } = window;
    const sizes = shape(0).slice(2);
    const back = () => {
      const spread = op.Conv(g, w, null, { strides, dilations, pads, group });
      const reached = sizes.map((_, k) => lengthOf(window, k));
      return cropped(at, { name: spread, shape: reached }, sizes);
    };
    return [
      needs[0] ? back() : null,
      needs[1] ? toKernel(at, cotangent, input, window) : null,
      inputs[2] ? toBias(at) : null,
    ];
  },
} satisfies VjpTable;

const sized = ({ g, shape, outShape }: GradientNode, x: string): readonly ShapedName[] => [
  { name: x, shape: shape(0) },
  { name: g, shape: outShape(0) },
];

const toBias = ({ write, g, outShape }: GradientNode) =>
  write.reduce("ReduceSum", g, range(outShape(0).length).toSpliced(1, 1), false);

/** Returns the number of positions of this window along an axis. */
const lengthOf = (
  { size, kernel, strides, dilations, pads }: Omit<Window, "group" | "out">,
  k: number,
) =>
  Math.floor(
    (size[k] + pads[k] + pads[k + size.length] - dilations[k] * (kernel[k] - 1) - 1) / strides[k],
  ) + 1;

/**
 * Writes the cotangent of x. At stride 1, a Conv of the cotangent with the kernel flipped and its
 * channels exchanged, which onnxruntime computes once if the kernel is frozen. In groups, the same
 * after inserting zeros, because onnxruntime's ConvTranspose runs groups on one thread. If the kernel
 * has a single position, zeros are inserted behind the Conv. Otherwise a ConvTranspose.
 */
function toInput(at: GradientNode, g: string, w: string, window: Window) {
  const { op } = at;
  const { kernel, strides, dilations, pads, group, size, out } = window;
  const dims = size.length;
  const reach = kernel.map((length, k) => dilations[k] * (length - 1));
  const begins = reach.map((length, k) => length - pads[k]);
  const around = [
    ...begins,
    ...reach.map((length, k) => size[k] + length - begins[k] - out[k] * strides[k]),
  ];
  const spreads = strides.every((stride) => stride === 1) || (group > 1 && canSpread(window));
  if (spreads && around.every((pad) => pad >= 0)) {
    const spaced = spread(at, { name: g, shape: at.outShape(0) }, window);
    return op.Conv(spaced, exchanged(at, w, window), null, { dilations, pads: around, group });
  }
  const isPointwise = [...reach, ...around].every((length) => length === 0);
  if (isPointwise && canSpread(window)) {
    const narrow = op.Conv(g, exchanged(at, w, window), null, { group });
    return spread(at, { name: narrow, shape: at.shape(0) }, window);
  }
  const output_padding = size.map(
    (length, k) => length + pads[k] + pads[k + dims] - reach[k] - 1 - (out[k] - 1) * strides[k],
  );
  return op.ConvTranspose(g, w, null, { dilations, group, output_padding, pads, strides });
}

/** Returns w: [M, C / group, …] as [C, M / group, …] with every spatial axis reversed. */
function exchanged({ op, write, shape }: GradientNode, w: string, { kernel, group }: Window) {
  const [m, c] = shape(1);
  const places = elements(kernel);
  let flat = w;
  if (m !== group || c !== 1) {
    const split = write.reshape(w, [group, m / group, c, places]);
    flat = op.Transpose(split, { perm: [0, 2, 1, 3] });
  }
  const rows = write.reshape(flat, [c * group, m / group, places]);
  const flipped =
    places === 1 ? rows : op.Gather(rows, write.ints(range(places).reverse()), { axis: 2 });
  return write.reshape(flipped, [c * group, m / group, ...kernel]);
}

/**
 * Writes the cotangent of w: a Conv of x with the cotangent as kernel, with batch and channels
 * exchanged, and stride and dilation too; a matrix product if the kernel has a single position.
 */
function toKernel(
  { op, write }: GradientNode,
  { name: x, shape: [n, c, ...size] }: ShapedName,
  { name: g, shape: [, m, ...out] }: ShapedName,
  { kernel, strides, dilations, pads, group }: Window,
) {
  const plain = [...kernel, ...strides, group].every((k) => k === 1) && pads.every((p) => p === 0);
  if (plain) {
    const places = elements(size);
    // Transposes the narrower of the two.
    const rows = { x: write.reshape(x, [n, c, places]), g: write.reshape(g, [n, m, places]) };
    const columns = (v: string) => op.Transpose(v, { perm: [0, 2, 1] });
    const products =
      m < c ? op.MatMul(rows.x, columns(rows.g)) : op.MatMul(rows.g, columns(rows.x));
    const sum = n === 1 ? products : write.reduce("ReduceSum", products, [0]);
    const turned = m < c ? columns(sum) : sum;
    return write.reshape(turned, [m, c, ...kernel]);
  }
  const dims = range(size.length);
  const split = write.reshape(x, [n, group, c / group, ...size]);
  const byGroup = op.Transpose(split, { perm: [2, 1, 0, ...dims.map((k) => k + 3)] });
  const image = write.reshape(byGroup, [c / group, group * n, ...size]);
  const swap = { perm: [1, 0, ...dims.map((k) => k + 2)] };
  const exchanged = { dilations: strides, group, pads, strides: dilations };
  const kernels = op.Conv(image, op.Transpose(g, swap), null, exchanged);
  const turned = op.Transpose(kernels, swap);
  const swapped = { size, kernel: out, ...exchanged };
  const reached = dims.map((k) => lengthOf(swapped, k));
  return cropped({ write }, { name: turned, shape: reached }, kernel);
}

/** Crops the spatial axes of an image, which have the sizes of `shape`, to these. */
function cropped(
  { write }: Pick<GradientNode, "write">,
  { name, shape }: ShapedName,
  sizes: readonly number[],
): string {
  if (shape.every((size, k) => size === sizes[k])) return name;
  const [starts, axes] = [sizes.map(() => 0), sizes.map((_, k) => k + 2)];
  return write.slice(name, starts, sizes, axes);
}

/** The longest piece of a row that one matrix spreads; its cost grows with the length. */
const LONGEST = 32;

/** Returns the length of the equal pieces into which a row is cut; 1 if it has no divisor. */
const pieceOf = (length: number) =>
  range(Math.min(length, LONGEST) + 1)
    .reverse()
    .find((size) => size > 0 && length % size === 0)!;

/** Whether rows of the output can be spread piece by piece. */
const canSpread = ({ out, strides }: Window) => strides.at(-1) === 1 || pieceOf(out.at(-1)!) > 1;

/**
 * Inserts zeros after every position of an image [N, M, positions …], as many as the stride skips.
 * Along the last axis this is a product with a matrix of zeros and ones, which onnxruntime runs on
 * all threads; it writes whole rows of zeros too if a row is short.
 */
function spread(
  at: GradientNode,
  { name: image, shape: [n, m] }: ShapedName,
  { strides, out }: Window,
): string {
  if (strides.every((stride) => stride === 1)) return image;
  const { write, op } = at;
  const last = out.length - 1;
  const [length, stride] = [out[last], strides[last]];
  const piece = pieceOf(length);
  // Rows of zeros come from the matrix, or from a Pad.
  const rows = stride > 1 && last > 0 && piece === length ? strides[last - 1] : 1;
  const left = strides.map((stride, axis) =>
    axis === last || (axis === last - 1 && rows > 1) ? 1 : stride,
  );
  const width = length * stride;
  const wide = out.map((size, axis) =>
    axis === last ? width : axis === last - 1 ? size * rows : size,
  );
  const spaced =
    stride === 1
      ? image
      : op.MatMul(write.reshape(image, [-1, piece]), toPlaces(at, piece, stride, rows));
  if (left.every((stride) => stride === 1)) return write.reshape(spaced, [n, m, ...wide]);
  const apart = write.reshape(spaced, [n, m, ...wide.flatMap((size) => [size, 1])]);
  const zeros = left.flatMap((stride) => [0, stride - 1]);
  const padded = write.pad(apart, [...new Array(zeros.length + 4).fill(0), ...zeros]);
  return write.reshape(padded, [n, m, ...wide.map((size, axis) => size * left[axis])]);
}

/** Returns the matrix that moves each position to `stride` times its place, before rows of zeros. */
function toPlaces({ constant, dtype }: GradientNode, size: number, stride: number, rows: number) {
  const width = size * stride * rows;
  const values = new Float32Array(size * width);
  for (const place of range(size)) values[place * width + place * stride] = 1;
  return constant(dtype, [size, width], values);
}
