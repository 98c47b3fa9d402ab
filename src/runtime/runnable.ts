import onnxProto from "onnx-proto";
import { FIELD } from "../onnx/messages.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import { openFile } from "../onnx/model-file.ts";
import { patchedSource, splices } from "../onnx/splices.ts";
import { bytesField } from "../onnx/wire.ts";
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
