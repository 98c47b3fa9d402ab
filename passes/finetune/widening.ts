import { numbersOfBytes } from "../../src/graph/numbers.ts";
import { encodeNumbers } from "../../src/graph/tensor.ts";
import { dataTypeNamed } from "../../src/onnx/dtypes.ts";

/**
 * Whether values of a type can be taken as another's, which holds them exactly: integers as wider
 * ones, floats as wider ones. Never integers as floats: bytes of an image are not normalised numbers.
 */
export function isWidening(from: string, to: string): boolean {
  const [narrow, wide] = [dataTypeNamed(from), dataTypeNamed(to)];
  if (!narrow?.array || !wide?.array || !narrow.numpy || narrow.bits >= wide.bits) return false;
  if (narrow.float || wide.float) return Boolean(narrow.float && wide.float);
  return isInteger(from) && isInteger(to) && (isUnsigned(from) || !isUnsigned(to));
}

const isInteger = (dtype: string) => /^u?int/.test(dtype);
const isUnsigned = (dtype: string) => dtype.startsWith("u");

/** Returns little-endian values as those of a wider type. */
export function widened(bytes: Uint8Array, from: string, to: string): Uint8Array {
  const values = numbersOfBytes(from, bytes);
  if (to === "float" && values instanceof Float32Array)
    return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return encodeNumbers(to, values as ArrayLike<number>);
}
