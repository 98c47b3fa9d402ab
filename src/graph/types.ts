import { dataType, dataTypeNamed } from "../onnx/dtypes.ts";
import type { ValueInfoMessage } from "../onnx/messages.ts";
import type { Type } from "../onnx/shape.ts";
import { tensorOf } from "./constants.ts";
import type { Value } from "./graph.ts";

/** The known type of each value. */
export type Types = ReadonlyMap<Value, Type>;

/** Returns the type of a value; null if it is unknown. */
export type KnownType = (value: Value) => Type | null;

/**
 * Returns the type that a value info states; null if it has none or is not a tensor. A negative
 * size is a free dimension, as in onnxruntime.
 */
export function typeOfInfo({ type }: ValueInfoMessage): Type | null {
  const dtype = dataType(type?.tensor?.elemType ?? 0)?.name;
  if (!dtype) return null;
  const dims = type?.tensor?.shape?.dims ?? null;
  const free = (value: number | null) => value === null || value < 0;
  return { dtype, shape: dims?.map(({ value, param }) => (free(value) ? param : value!)) ?? null };
}

/** Returns the type of an initializer's or Constant node's tensor. */
export function typeOfTensor(value: Value): Type | null {
  const sparse = value.initializer && "values" in value.initializer ? value.initializer : null;
  const tensor = sparse?.values ?? tensorOf(value);
  const dtype = dataType(tensor?.dataType ?? 0)?.name;
  return tensor && dtype ? { dtype, shape: sparse?.dims ?? tensor.dims } : null;
}

/** Whether LAuReL's weights can have this data type. */
export const isFloat = (dtype: string | undefined) =>
  dtype !== undefined && (dataTypeNamed(dtype)?.float ?? null) !== null;

/** Whether onnxruntime's JavaScript API has tensors of this data type. */
export const hasTensors = (dtype: string) => (dataTypeNamed(dtype)?.ort ?? null) !== null;
