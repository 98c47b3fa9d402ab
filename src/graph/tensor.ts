import { allocate, bytesOf } from "../onnx/bytes.ts";
import { dataTypeNamed, isFloat } from "../onnx/dtypes.ts";
import { decodeHalf, encodeHalf } from "./half.ts";

/** Encodes numbers as raw data of a type, each rounded once, to nearest, ties to even. */
export function encodeNumbers(dtype: string, values: ArrayLike<number>): Uint8Array {
  switch (dtype) {
    case "int64":
    case "uint64": {
      const bytes = allocate(values.length * 8);
      const view = new BigInt64Array(bytes.buffer, bytes.byteOffset, values.length);
      for (let k = 0; k < values.length; k++) view[k] = BigInt(values[k]);
      return bytes;
    }
    case "float16":
      return bytesOf(encodeHalf(values));
    case "bfloat16": {
      const bits = new Uint16Array(values.length);
      for (let k = 0; k < bits.length; k++) bits[k] = toBfloat16(values[k]);
      return bytesOf(bits);
    }
    default: {
      const array = dataTypeNamed(dtype)?.array as typeof Int32Array | null | undefined;
      if (!array) throw new Error(`${dtype} is not a number type that can be written`);
      const bytes = allocate(values.length * array.BYTES_PER_ELEMENT);
      new array(bytes.buffer, bytes.byteOffset, values.length).set(values);
      return bytes;
    }
  }
}

/** Decodes floats of raw data as float64, exactly. */
export function decodeNumbers(dtype: string, bytes: Uint8Array): Float64Array {
  if (!isFloat(dtype)) throw new Error(`${dtype} is not a float type`);
  const values = arrayOf(dtype, bytes);
  if (dtype === "float16")
    return decodeHalf(values as Uint16Array, new Float64Array(values.length));
  if (dtype !== "bfloat16") return new Float64Array(values as Float32Array);
  const words = new Uint32Array(values.length);
  for (let k = 0; k < words.length; k++) words[k] = (values[k] as number) << 16;
  return new Float64Array(new Float32Array(words.buffer));
}

/** Views little-endian raw data as a typed array, float16 as its bits. Copies only to align. */
export function arrayOf(dtype: string, bytes: Uint8Array) {
  const array = dataTypeNamed(dtype)?.array;
  if (!array) throw new TypeError(`${dtype} does not have a typed array`);
  const wide = array.BYTES_PER_ELEMENT;
  const aligned = bytes.byteOffset % wide === 0 ? bytes : new Uint8Array(bytes);
  return new array(aligned.buffer as ArrayBuffer, aligned.byteOffset, bytes.length / wide);
}

/** Decodes little-endian raw data as numbers; float16 becomes float32, exactly. */
export function numbersOfBytes(dtype: string, bytes: Uint8Array): ArrayLike<number | bigint> {
  const values = arrayOf(dtype, bytes);
  return dtype === "float16"
    ? decodeHalf(values as Uint16Array, new Float32Array(values.length))
    : values;
}

/** Returns the index of the first NaN; null if there is none. */
export function firstNaN(dtype: string, bytes: Uint8Array): number | null {
  const values = arrayOf(dtype, bytes) as Float32Array | Uint16Array;
  if (dtype === "float16") {
    for (let k = 0; k < values.length; k++) if ((values[k] & 0x7fff) > 0x7c00) return k;
    return null;
  }
  for (let k = 0; k < values.length; k++) if (Number.isNaN(values[k])) return k;
  return null;
}

/** Returns the size of an element in bytes. */
export const widthOf = (dtype: string) => dataTypeNamed(dtype)!.bits / 8;

/** The magnitudes of numbers. */
export function absolutes(numbers: Float64Array): Float64Array {
  // A callback would make an object of each number.
  const sizes = new Float64Array(numbers.length);
  for (let k = 0; k < sizes.length; k++) sizes[k] = Math.abs(numbers[k]);
  return sizes;
}

/** Returns a type's largest relative rounding error: half the step from 1 to the next number. */
export function roundoff(dtype: string): number {
  const float = dataTypeNamed(dtype)?.float;
  return float ? 2 ** -(float.fraction + 1) : 0;
}

/** Returns the largest finite number of the type. */
export const largest = (dtype: string) => dataTypeNamed(dtype)?.float?.largest ?? Number.MAX_VALUE;

const scratch = new DataView(new ArrayBuffer(4));

function toBfloat16(value: number): number {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  if (Number.isNaN(value)) return (bits >>> 16) | 0x40;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}
