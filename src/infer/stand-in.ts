import { tried } from "../errors.ts";
import { patchedBytes } from "../graph/patch.ts";
import { decodeNumbers, encodeNumbers } from "../graph/tensor.ts";
import { allGraphs } from "../onnx/all-tensors.ts";
import type { Frame } from "../onnx/decode.ts";
import { dataType, elements } from "../onnx/dtypes.ts";
import type { NodeMessage, TensorMessage } from "../onnx/messages.ts";
import { type ModelFile, type ModelSource, tensorBytes } from "../onnx/model-file.ts";
import type { DenseTensor } from "../onnx/new-node.ts";
import { openBytes } from "../onnx/open-file.ts";
import { contentOf } from "../onnx/source.ts";
import type { StatedType } from "../onnx/tensor-edits.ts";

/** Attributes that name a data type. */
export const TYPE_ATTRIBUTES = new Set(["to", "dtype", "output_dtype", "precision"]);

/**
 * Replaces types that onnxruntime does not report or has few kernels for: bfloat16, and those of 8
 * bits and fewer. Returns the model, and `held`, its original types by name; null if the small model
 * has none of them.
 */
export const inferable = (model: Uint8Array) =>
  written(model, (number) => dataType(number)?.inferredAs ?? null);

/** Replaces bfloat16 by float in a small model; returns null if it has no bfloat16. */
export const inFloat = (model: Uint8Array): Uint8Array | null =>
  written(model, replacing("bfloat16", "float"))?.model ?? null;

/** Does the same to the file of a model of any size; its other external data stays where it is. */
export const fileInFloat = (file: ModelFile): ModelSource | null =>
  retypedFile(file, replacing("bfloat16", "float"))?.changed ?? null;

/** Returns a small model with double in place of float; null if it holds no float. */
export const inDouble = (model: Uint8Array): Uint8Array | null =>
  written(model, replacing("float", "double"))?.model ?? null;

const replacing = (from: string, to: string) => (number: number) =>
  dataType(number)?.name === from ? to : null;

function written(model: Uint8Array, as: (number: number) => string | null) {
  const file = tried(() => openBytes(model));
  const other = file && retypedFile(file, as);
  return other && { model: contentOf(other.changed.source), held: other.held };
}

/** Replaces every stated type, every tensor and every cast. */
function retypedFile(file: ModelFile, as: (number: number) => string | null) {
  const dtypes: StatedType[] = [];
  const tensorsBy: { tensor: TensorMessage; by: DenseTensor }[] = [];
  const held = new Set<string>();
  const standIn = (number: number) => {
    const type = dataType(number);
    if (type) held.add(type.name);
    return as(number);
  };
  /** Replaces the field that holds a data type. */
  const retype = (frame: Frame, field: number, given: number) => {
    const dtype = standIn(given);
    if (dtype !== null) dtypes.push({ frame, field, dtype });
  };
  const tensor = (one: TensorMessage) => {
    const other = standIn(one.dataType);
    if (other !== null) tensorsBy.push({ tensor: one, by: retyped(file, one, other) });
  };
  const nodes = (all: readonly NodeMessage[]) => {
    for (const { name, i, t, frame } of all.flatMap(({ attributes }) => attributes)) {
      if (t) tensor(t);
      if (i !== null && TYPE_ATTRIBUTES.has(name)) retype(frame, 3, i);
    }
  };
  for (const { nodes: own, initializers, inputs, outputs, valueInfos } of allGraphs(file)) {
    for (const one of initializers) tensor(one);
    for (const { type } of [...inputs, ...outputs, ...valueInfos])
      if (type?.tensor) retype(type.tensor.frame, 1, type.tensor.elemType);
    nodes(own);
  }
  for (const one of file.message.functions) nodes(one.nodes);
  if (dtypes.length + tensorsBy.length === 0) return null;
  return { changed: patchedBytes(file, { dtypes, tensorsBy }), held };
}

/** Converts a tensor to another type. Floats keep their numbers; others become zeros. */
function retyped(file: ModelFile, tensor: TensorMessage, dtype: string): DenseTensor {
  const { name, dims } = tensor;
  const from = dataType(tensor.dataType)?.name ?? "";
  const values = ["bfloat16", "float"].includes(from)
    ? decodeNumbers(from, tensorBytes(file, tensor))
    : new Float64Array(elements(dims));
  return { name, dims, dtype, data: encodeNumbers(dtype, values) };
}
