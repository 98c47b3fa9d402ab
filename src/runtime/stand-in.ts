import onnxProto from "onnx-proto";
import { decodeNumbers, encodeNumbers } from "../graph/tensor.ts";
import { dataTypeNamed } from "../onnx/data-types.ts";
import type { Frame } from "../onnx/decode.ts";
import type { Edit } from "../onnx/edits.ts";
import type { GraphMessage, NodeMessage, TensorMessage } from "../onnx/messages.ts";
import { type ModelFile, openFile, tensorBytes } from "../onnx/model-file.ts";
import { bytesSource } from "../onnx/source.ts";
import { patchedSource, splices } from "../onnx/splices.ts";

const { onnx } = onnxProto;

const numberOf = (dtype: string) => dataTypeNamed(dtype)!.number;
const BFLOAT16 = numberOf("bfloat16");

/** Attributes that name a data type. */
const TYPES = new Set(["to", "dtype"]);

/**
 * A small model with another float type in place of bfloat16, for which onnxruntime has few
 * kernels: every type that is stated, every tensor and every cast. Null where it holds no bfloat16,
 * or holds the other type already, so that the two could not be told apart.
 */
export function standIn(
  model: Uint8Array,
  dtype: "float" | "float16",
  apart = true,
): Uint8Array | null {
  const file = opened(model);
  if (!file) return null;
  const edits: Edit[] = [];
  const seen = new Set<number>();
  const number = numberOf(dtype);
  /** Replaces the field that holds a data type. */
  const retype = (frame: Frame, field: number, given: number) => {
    seen.add(given);
    if (given !== BFLOAT16) return;
    for (const { number: own, start, end } of file.reader.fields(frame))
      if (own === field) edits.push({ start, end, bytes: Uint8Array.of(field * 8, number), frame });
  };
  const tensor = (one: TensorMessage) => {
    seen.add(one.dataType);
    if (one.dataType !== BFLOAT16) return;
    const { start, end } = one.frame;
    edits.push({ start, end, bytes: retyped(file, one, dtype), frame: one.frame });
  };
  const graph = ({ nodes, initializers, inputs, outputs, valueInfos }: GraphMessage) => {
    for (const one of initializers) tensor(one);
    for (const { type } of [...inputs, ...outputs, ...valueInfos])
      if (type?.tensor) retype(type.tensor.frame, 1, type.tensor.elemType);
    for (const one of nodes) node(one);
  };
  const node = ({ attributes }: NodeMessage) => {
    for (const { name, i, t, g, graphs, frame } of attributes) {
      if (t) tensor(t);
      if (i !== null && TYPES.has(name)) retype(frame, 3, i);
      if (g) graph(g);
      for (const one of graphs) graph(one);
    }
  };
  graph(file.graph);
  for (const { nodes } of file.message.functions) for (const one of nodes) node(one);
  if (edits.length === 0 || (apart && seen.has(number))) return null;
  const source = patchedSource(file.source, splices(edits));
  return source.read(0, source.size);
}

function opened(model: Uint8Array): ModelFile | null {
  try {
    return openFile(bytesSource(model), null);
  } catch {
    return null;
  }
}

function retyped(file: ModelFile, tensor: TensorMessage, dtype: string): Uint8Array {
  const values = decodeNumbers("bfloat16", tensorBytes(file, tensor));
  const { name, dims } = tensor;
  const rawData = encodeNumbers(dtype, values);
  return onnx.TensorProto.encode({
    name,
    dims: [...dims],
    dataType: numberOf(dtype),
    rawData,
  }).finish();
}
