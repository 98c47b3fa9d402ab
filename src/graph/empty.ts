import onnxProto from "onnx-proto";
import { openFile } from "../onnx/open-file.ts";
import { bytesSource } from "../onnx/source.ts";
import { buildGraph } from "./build.ts";
import type { Graph } from "./graph.ts";

const { onnx } = onnxProto;

const IR_VERSION = 8;

/** A model with nothing in it, to be written into. */
export function emptyGraph(name: string, opset: number): Graph {
  const bytes = onnx.ModelProto.encode({
    irVersion: IR_VERSION,
    producerName: "laurelize",
    graph: { name },
    opsetImport: [{ domain: "", version: opset }],
  }).finish();
  return buildGraph(openFile(bytesSource(bytes), null));
}
