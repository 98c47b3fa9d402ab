import { dataTypeNamed } from "../onnx/dtypes.ts";
import { decodeHalf } from "./half.ts";

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
