import type { Tensor } from "onnxruntime-common";
import { grouped } from "../figures.ts";
import { decodeNumbers } from "../graph/tensor.ts";
import { equalBytes } from "../onnx/bytes.ts";
import { dataType, dataTypeNamed, elements, isFloat, showShape } from "../onnx/dtypes.ts";
import type { TensorMessage } from "../onnx/messages.ts";
import { type ModelFile, tensorBytes, withTensorData } from "../onnx/model-file.ts";
import { equalRanges } from "../onnx/source.ts";
import { bytesOfTensor, dtypeOf, numbersIn } from "../ort/tensors.ts";

/** How far two tensors are apart. */
export interface Difference {
  /** Same type, shape and bits. */
  readonly bitEqual: boolean;
  /** Largest |a − b|; Infinity if only one is finite, or if shapes differ. */
  readonly absolute: number;
  /** Largest |a − b| over the largest |a|. */
  readonly relative: number;
  /** Largest |a − b| in units in the last place of the larger of the two. */
  readonly ulps: number;
  /** Largest finite |a|. */
  readonly magnitude: number;
}

/** Fraction bits of a float type, and its smallest exponent. */
const floatForm = (dtype: string) => dataTypeNamed(dtype)?.float ?? { fraction: 52, least: -126 };

/** Returns the unit in the last place of a number in a float type. */
export function ulp(value: number, dtype: string): number {
  const { fraction, least } = floatForm(dtype);
  const exponent = value === 0 ? -Infinity : Math.floor(Math.log2(Math.abs(value)));
  return 2 ** (Math.max(exponent, least) - fraction);
}

/**
 * Compares two tensors element by element, at the positions that `at` selects; a missing tensor is
 * infinitely far. Equal infinities and NaNs at the same position are equal.
 */
export function compareTensors(
  a: Tensor,
  b: Tensor | undefined,
  at?: Uint8Array | null,
): Difference {
  if (!isAlike(a, b)) return { bitEqual: false, ...APART, magnitude: 0 };
  if (a.type === "string") {
    const bitEqual = (a.data as string[]).every((text, k) => text === (b.data as string[])[k]);
    return { bitEqual, ...(bitEqual ? SAME : APART), magnitude: 0 };
  }
  const bitEqual = equalBytes(bytesOfTensor(a), bytesOfTensor(b));
  const x = numbersIn(a);
  const magnitude = largestFinite(x);
  if (bitEqual) return { bitEqual, ...SAME, magnitude };
  const { absolute, ulps } = farthest(x, numbersIn(b), dtypeOf(a), at);
  const relative = absolute === 0 ? 0 : absolute / (magnitude || Number.MIN_VALUE);
  return { bitEqual, absolute, ulps, relative, magnitude };
}

const SAME = { absolute: 0, ulps: 0, relative: 0 };
const APART = { absolute: Infinity, relative: Infinity, ulps: Infinity };

/** Whether two tensors have the same type and shape. */
const isAlike = (a: Tensor, b: Tensor | undefined): b is Tensor =>
  b !== undefined && a.type === b.type && a.dims.join() === b.dims.join();

/** Returns the largest |a − b|, absolute and in units in the last place. */
function farthest(
  x: Float32Array | Float64Array,
  y: Float32Array | Float64Array,
  dtype: string,
  at: Uint8Array | null | undefined,
): { absolute: number; ulps: number } {
  const float = isFloat(dtype);
  const { fraction, least } = floatForm(dtype);
  let [absolute, ulps] = [0, 0];
  for (let k = 0; k < x.length; k++) {
    const [u, v] = [x[k], y[k]];
    if (u === v || at?.[k] === 0 || (Number.isNaN(u) && Number.isNaN(v))) continue;
    const off = Math.abs(u - v);
    if (!Number.isFinite(u) || !Number.isFinite(v))
      return { absolute: Infinity, ulps: float ? Infinity : 0 };
    if (off > absolute) absolute = off;
    if (!float) continue;
    const power = exponent(Math.max(Math.abs(u), Math.abs(v)));
    const inUlps = off * 2 ** (fraction - Math.max(power, least));
    if (inUlps > ulps) ulps = inUlps;
  }
  return { absolute, ulps };
}

const scratch = new Float64Array(1);
const words = new Uint32Array(scratch.buffer);

/** Returns ⌊log2⌋ of a positive number; for a denormal, that of the smallest normal number. */
function exponent(value: number): number {
  scratch[0] = value;
  return (words[1] >>> 20) - 1023;
}

function largestFinite(values: Float32Array | Float64Array): number {
  let largest = 0;
  for (let k = 0; k < values.length; k++) {
    const size = Math.abs(values[k]);
    if (size > largest && size !== Infinity) largest = size;
  }
  return largest;
}

/** Returns the positions where both or neither hold finite numbers; null if these are all. */
export function sameFiniteness(a: Tensor, b: Tensor | undefined): Uint8Array | null {
  if (a.type === "string" || !isAlike(a, b)) return null;
  const [x, y] = [numbersIn(a), numbersIn(b)];
  let same: Uint8Array | null = null;
  for (let k = 0; k < x.length; k++)
    if (Number.isFinite(x[k]) !== Number.isFinite(y[k])) {
      same ??= new Uint8Array(x.length).fill(1);
      same[k] = 0;
    }
  return same;
}

/**
 * Whether each element of the second tensor is within atol + rtol·|a| of the first's, at the
 * positions that `at` selects. Equal infinities and NaNs at the same position are close.
 */
export function isClose(
  a: Tensor,
  b: Tensor | undefined,
  { atol, rtol }: { readonly atol: number; readonly rtol: number },
  at?: Uint8Array | null,
): boolean {
  if (!isAlike(a, b)) return false;
  if (a.type === "string") return compareTensors(a, b).bitEqual;
  const [x, y] = [numbersIn(a), numbersIn(b)];
  for (let k = 0; k < x.length; k++) {
    const [u, v] = [x[k], y[k]];
    if (u === v || at?.[k] === 0 || (Number.isNaN(u) && Number.isNaN(v))) continue;
    if (!Number.isFinite(u) || !(Math.abs(u - v) <= atol + rtol * Math.abs(u))) return false;
  }
  return true;
}

/** Number of elements up to which the size of the difference is reported. */
const COUNTED = 1 << 26;

/** Describes how a tensor differs between two models; returns null if it is equal. */
export function tensorDifference(
  a: ModelFile,
  x: TensorMessage,
  b: ModelFile,
  y: TensorMessage,
): string | null {
  const dtype = (tensor: TensorMessage) =>
    dataType(tensor.dataType)?.name ?? `type ${tensor.dataType}`;
  if (x.dataType !== y.dataType || x.dims.join() !== y.dims.join())
    return `is ${dtype(x)} ${showShape(x.dims)} in the first, ${dtype(y)} ${showShape(y.dims)} in the second`;
  if (!dataType(x.dataType) || dtype(x) === "string")
    return equalRanges(a, x.frame, b, y.frame) ? null : "differs";
  const equal = withTensorData(a, x, (left, from) =>
    withTensorData(b, y, (right, to) => equalRanges({ source: left }, from, { source: right }, to)),
  );
  if (equal) return null;
  if (!isFloat(dtype(x)) || elements(x.dims) > COUNTED) return "differs";
  const [u, v] = [tensorBytes(a, x), tensorBytes(b, y)].map((raw) => decodeNumbers(dtype(x), raw));
  let [differing, largest] = [0, 0];
  for (let k = 0; k < u.length; k++) {
    if (u[k] === v[k]) continue;
    differing++;
    largest = Math.max(largest, Math.abs(u[k] - v[k]));
  }
  return `differs in ${grouped(differing)} of ${grouped(u.length)} values, by up to ${largest.toExponential(1)}`;
}
