import { dataType, dataTypeNamed } from "../onnx/data-types.ts";
import type { ValueInfoMessage } from "../onnx/messages.ts";
import type { Type } from "../onnx/shape.ts";
import { tensorOf } from "./constants.ts";
import type { Value } from "./graph.ts";

/** What is known of each value's type. */
export type Types = ReadonlyMap<Value, Type>;

/**
 * The type a value info states; null where it states none, or one that is no tensor. A negative
 * size is a free dimension, as it is for onnxruntime.
 */
export function typeOfInfo({ type }: ValueInfoMessage): Type | null {
  const dtype = dataType(type?.tensor?.elemType ?? 0)?.name;
  if (!dtype) return null;
  const dims = type?.tensor?.shape?.dims ?? null;
  const free = (value: number | null) => value === null || value < 0;
  return { dtype, shape: dims?.map(({ value, param }) => (free(value) ? param : value!)) ?? null };
}

/** The type of an initializer's or Constant node's tensor. */
export function typeOfTensor(value: Value): Type | null {
  const sparse = value.initializer && "values" in value.initializer ? value.initializer : null;
  const tensor = sparse?.values ?? tensorOf(value);
  const dtype = dataType(tensor?.dataType ?? 0)?.name;
  return tensor && dtype ? { dtype, shape: sparse?.dims ?? tensor.dims } : null;
}

/** Whether a data type is one that LAuReL's weights can have. */
export const isFloat = (dtype: string | undefined) =>
  dtype !== undefined && (dataTypeNamed(dtype)?.float ?? null) !== null;

/** Whether onnxruntime's JavaScript API has tensors of a data type. */
export const hasTensors = (dtype: string) => (dataTypeNamed(dtype)?.ort ?? null) !== null;
