import onnxProto from "onnx-proto";
import { valueInfo } from "../graph/encode.ts";
import type { Graph, Value } from "../graph/graph.ts";
import { typeOfTensor } from "../graph/types.ts";
import { FIELD } from "../onnx/messages.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import { openFile } from "../onnx/model-file.ts";
import { patchedSource, splices } from "../onnx/splices.ts";
import { bytesField } from "../onnx/wire-bytes.ts";
import type { Runnable } from "./session.ts";

const { onnx } = onnxProto;

/**
 * A model as onnxruntime takes it: by the path it was written to or lies at as it is, else by its
 * bytes.
 */
export function runnable(file: ModelFile, written?: string): Runnable {
  const folder = file.folder?.path ?? undefined;
  const path = written ?? file.source.path;
  return {
    model: path ?? file.source.read(0, file.source.size),
    folder,
    companion: file.folder?.companion,
  };
}

/** The model with further outputs: values of its main graph by name. */
export function withOutputs(file: ModelFile, names: readonly string[]): ModelFile {
  const { frame, outputs } = file.graph;
  const there = new Set(outputs.map(({ name }) => name));
  const edits = names
    .filter((name) => !there.has(name))
    .map((name) => ({
      start: frame.end,
      end: frame.end,
      bytes: bytesField(FIELD.graphOutput, onnx.ValueInfoProto.encode({ name }).finish()),
      frame,
    }));
  return openFile(patchedSource(file.source, splices(edits)), file.folder);
}

/**
 * The model with weights of its main graph as graph inputs of the same name, type and shape:
 * onnxruntime's JavaScript ignores a feed that overrides an initializer.
 */
export function withWeightsAsInputs(graph: Graph, names: readonly string[]): ModelFile {
  const { file, main } = graph;
  const edits = names.flatMap((name) => {
    const value = main.values.get(name)!;
    const { at, end, parent } = (tensorNode(value) ?? value.initializer!).frame;
    const info = bytesField(FIELD.graphInput, valueInfo(name, typeOfTensor(value)!));
    const into = file.graph.frame;
    return [
      { start: at, end, bytes: new Uint8Array(), frame: parent! },
      { start: into.end, end: into.end, bytes: info, frame: into },
    ];
  });
  return openFile(patchedSource(file.source, splices(edits)), file.folder);
}

const tensorNode = ({ initializer, producer }: Value) => (initializer ? null : producer!.message);
