import { range } from "../../src/onnx/dtypes.ts";
import type { ShapedName } from "./broadcasting.ts";
import type { GradientNode } from "./rule.ts";
import type { Window } from "./window.ts";

/** The longest piece of a row that one matrix spreads; its cost grows with the length. */
const LONGEST = 32;

/** Returns the length of the equal pieces into which a row is cut; 1 if it has no divisor. */
const pieceOf = (length: number) =>
  range(Math.min(length, LONGEST) + 1)
    .reverse()
    .find((size) => size > 0 && length % size === 0)!;

/** Whether rows of the output can be spread piece by piece. */
export const canSpread = ({ out, strides }: Window) =>
  strides.at(-1) === 1 || pieceOf(out.at(-1)!) > 1;

/**
 * Inserts zeros after every position of an image [N, M, positions …], as many as the stride skips.
 * Along the last axis this is a product with a matrix of zeros and ones, which onnxruntime runs on
 * all threads; it writes whole rows of zeros too if a row is short.
 */
export function spread(
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
