import { encodeNumbers, largest, numbersOfBytes } from "../../src/graph/tensor.ts";
import { dataTypeNamed, integerBits, wholeRange } from "../../src/onnx/dtypes.ts";

/**
 * Returns how values of a type become another's: "widened" if it holds all of them exactly, "cast" if
 * that depends on the values. Never integers as floats: bytes of an image are not normalized.
 */
export function conversionOf(from: string, to: string): "widened" | "cast" | null {
  const [given, wanted] = [dataTypeNamed(from), dataTypeNamed(to)];
  if (!given?.array || !wanted?.array || !given.numpy || from === to) return null;
  if (given.float || wanted.float) {
    if (!given.float || !wanted.float) return null;
    return given.bits < wanted.bits ? "widened" : "cast";
  }
  const [mine, theirs] = [wholeRange(from), wholeRange(to)];
  if (!mine || !theirs) return null;
  return mine[0] >= theirs[0] && mine[1] <= theirs[1] ? "widened" : "cast";
}

/** Returns the index of the first value that a cast would lose; null if it loses none. */
export function firstLost(bytes: Uint8Array, from: string, to: string): number | null {
  const values = numbersOfBytes(from, bytes);
  const [least, most] = wholeRange(to) ?? [-largest(to), largest(to)];
  for (let k = 0; k < values.length; k++) {
    const isOutside = values[k] < least || values[k] > most;
    if (isOutside && Number.isFinite(Number(values[k]))) return k;
  }
  return null;
}

/** Returns little-endian values as those of another type. */
export function converted(bytes: Uint8Array, from: string, to: string): Uint8Array {
  const values = numbersOfBytes(from, bytes);
  if (to === "float" && values instanceof Float32Array)
    return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  if (integerBits(from) !== 64 || integerBits(to) === 64)
    return encodeNumbers(to, values as ArrayLike<number>);
  return encodeNumbers(to, Array.from(values, Number));
}
