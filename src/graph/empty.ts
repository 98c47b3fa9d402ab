import { emptyModel } from "../onnx/encode.ts";
import { openFile } from "../onnx/open-file.ts";
import { bytesSource } from "../onnx/source.ts";
import { buildGraph } from "./build.ts";
import type { Graph } from "./graph.ts";

const IR_VERSION = 8;

/** Returns an empty model to write into. */
export const emptyGraph = (name: string, opset: number): Graph =>
  buildGraph(openFile(bytesSource(emptyModel(name, IR_VERSION, opset)), null));
