import { dataOf, dimsOf, typeOfTensor } from "../../src/graph/constants.ts";
import type { Value } from "../../src/graph/graph.ts";
import { decodeNumbers, roundoff } from "../../src/graph/tensor.ts";
import { concat } from "../../src/onnx/bytes.ts";
import { elements } from "../../src/onnx/dtypes.ts";

/** Lines of a table that are looked at, numbers of each, and equations that make it sure. */
const [LINES, NUMBERS, SURE] = [16, 8, 8];

/** Rounding errors by which numbers of a wave may miss its equation. */
const APART = 32;

/**
 * Whether a constant was computed from positions: along an axis, each of its lines is a sine or has
 * equal steps, and not all are constant. Rotary angles, sinusoidal embeddings and ramps of distances
 * are, learned weights are not. Looks at some numbers of some lines. With `turns`, equal steps alone,
 * with which some weights start, do not count.
 */
export function isPositionTable(value: Value, turns = false): boolean {
  const dims = dimsOf(value)!;
  if (dims.length < 2) return false;
  const { dtype } = typeOfTensor(value)!;
  const data = dataOf(value)!;
  const width = data.length / elements(dims);
  const tolerance = APART * roundoff(dtype);
  return dims.some((size, axis) => {
    const inner = elements(dims.slice(axis + 1));
    const count = elements(dims) / size;
    // The first position may be that of a token of its own.
    const start = size > NUMBERS ? 1 : 0;
    const length = Math.min(size, NUMBERS);
    const lines = Array.from({ length: Math.min(count, LINES) }, (_, k) => {
      const line = Math.floor((k * count) / Math.min(count, LINES));
      const first = Math.floor(line / inner) * size * inner + (line % inner) + start * inner;
      const places = Array.from({ length }, (_, t) => (first + t * inner) * width);
      return decodeNumbers(dtype, concat(places.map((at) => data.subarray(at, at + width))));
    });
    if (lines.length * (length - 3) < SURE) return false;
    const isVaried = lines.some((line) => line.some((x) => Math.abs(x - line[0]) > tolerance));
    const factors = lines.map((line) => factorOf(line, tolerance));
    const turning = !turns || factors.some((factor) => factor !== null && factor < 2 - TURN);
    return isVaried && turning && !factors.includes(null);
  });
}

/** How far the factor of a sine is from 2, that of equal steps. */
const TURN = 1e-2;

/**
 * Returns the multiple of each number that its neighbors add up to: the same in a sine, 2 in equal
 * steps. Null if it differs.
 */
function factorOf(line: Float64Array, tolerance: number): number | null {
  const sums = Array.from(line.subarray(2), (next, k) => next + line[k]);
  const middle = line.subarray(1, -1);
  const square = middle.reduce((sum, x) => sum + x * x, 0);
  const factor = square === 0 ? 2 : sums.reduce((sum, x, k) => sum + x * middle[k], 0) / square;
  const most = tolerance * line.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  const isSame = sums.every((sum, k) => Math.abs(sum - factor * middle[k]) <= most);
  return isSame && Math.abs(factor) <= 2 + tolerance ? factor : null;
}
