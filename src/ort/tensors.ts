import type { Tensor } from "onnxruntime-common";
import { decodeNumbers, encodeNumbers, numbersOfBytes } from "../graph/tensor.ts";
import { bytesOf } from "../onnx/bytes.ts";
import { dataTypeNamed, isFloat } from "../onnx/dtypes.ts";
import type { Ort } from "./session.ts";

/** Returns a tensor's values as float64, floats exactly. Integers and booleans become numbers. */
export function toFloat64(tensor: Tensor): Float64Array {
  const values = numbersIn(tensor);
  return values instanceof Float64Array && values !== tensor.data
    ? values
    : new Float64Array(values);
}

/**
 * Returns a tensor's values as numbers, read-only: as a view if they are float32 or float64, as
 * float32 if they are float16, otherwise as float64.
 */
export function numbersIn(tensor: Tensor): Float32Array | Float64Array {
  const { data } = tensor;
  if (data instanceof Float32Array || data instanceof Float64Array) return data;
  if (tensor.type === "float16")
    return numbersOfBytes("float16", bytesOfTensor(tensor)) as Float32Array;
  const numbers = new Float64Array(data.length);
  const values = data as unknown as ArrayLike<number | bigint>;
  for (let k = 0; k < numbers.length; k++) numbers[k] = Number(values[k]);
  return numbers;
}

/** Returns how many of a tensor's floats are NaN or infinite. */
export function notFiniteIn(tensor: Tensor): number {
  if (!isFloat(dtypeOf(tensor))) return 0;
  let count = 0;
  for (const number of numbersIn(tensor)) if (!Number.isFinite(number)) count++;
  return count;
}

/** Returns whether the finite elements of tensors, several in all, are one number. */
export function holdOneNumber(tensors: readonly Tensor[]): boolean {
  const known = new Set<number>();
  const isOne = (n: number) => !Number.isFinite(n) || known.add(n).size === 1;
  const size = tensors.reduce((sum, { data }) => sum + data.length, 0);
  return (
    size > 1 && tensors.every((each) => each.type !== "string" && numbersIn(each).every(isOne))
  );
}

/** Views a tensor's values as raw data; strings have none. */
export const bytesOfTensor = ({ data }: Tensor): Uint8Array => bytesOf(data as Uint8Array);

/** Returns the tensor's type in ONNX's spelling. */
export const dtypeOf = (tensor: Tensor) => dataTypeNamed(tensor.type)!.name;

/** Returns the type in place of bfloat16, which onnxruntime's JavaScript API does not have. */
export const runsAs = (dtype: string) => (dtype === "bfloat16" ? "float" : dtype);

/** Does as `tensorOfBytes`, with bfloat16 as float. */
export function tensorToRun(
  ort: Ort,
  dtype: string,
  bytes: Uint8Array,
  dims: readonly number[],
): Tensor {
  const as = runsAs(dtype);
  const data = as === dtype ? bytes : encodeNumbers(as, decodeNumbers(dtype, bytes));
  return tensorOfBytes(ort, as, data, dims);
}

/** Returns float32 or float64 numbers as a tensor. */
export function tensorOfFloats(
  ort: Ort,
  values: Float32Array | Float64Array,
  dims: readonly number[],
): Tensor {
  const type = values instanceof Float64Array ? "float64" : "float32";
  return new ort.Tensor(type as "float32", values as Float32Array, dims);
}

/** Returns a number as a scalar tensor of float32. */
export const scalarTensor = (ort: Ort, value: number) =>
  tensorOfFloats(ort, Float32Array.of(value), []);

/** Returns the number of a scalar tensor. */
export const numberOf = ({ data }: Tensor) => Number((data as Float32Array)[0]);

/** Turns little-endian raw data into onnxruntime's tensor. Throws if its API lacks the type. */
export function tensorOfBytes(
  ort: Ort,
  dtype: string,
  bytes: Uint8Array,
  dims: readonly number[],
): Tensor {
  const { ort: type, array } = dataTypeNamed(dtype) ?? {};
  if (!type || !array)
    throw new TypeError(`onnxruntime's JavaScript API does not have ${dtype} tensors`);
  const data = new array(new Uint8Array(bytes).buffer);
  return newTensor(ort, type, data, dims);
}

/** Returns a tensor of this runtime's own class; the data must be of its kind for the type. */
export function newTensor(ort: Ort, type: string, data: unknown, dims: readonly number[]): Tensor {
  const Own = ort.Tensor as unknown as new (type: string, data: unknown, dims: number[]) => Tensor;
  return new Own(type, data, [...dims]);
}
