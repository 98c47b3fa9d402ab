import { InputError } from "../errors.ts";
import { decode, rootFrame } from "./decode.ts";
import { foreignFormat } from "./foreign.ts";
import { type GraphMessage, modelSchema } from "./messages.ts";
import type { ModelFile, ModelSource } from "./model-file.ts";
import { checkShapes } from "./sound-shapes.ts";
import { bytesSource } from "./source.ts";
import { WireReader } from "./wire.ts";

/**
 * Opens a model: reads its wire format, decodes its structure and checks that the declared sizes of
 * its weights are possible. Loads no weights.
 */
export function openFile({ source, folder }: ModelSource): ModelFile {
  const { name } = source;
  if (source.size === 0) throw new InputError(`${name} is empty; an ONNX model was expected.`);
  const foreign = foreignFormat(source, "model");
  if (foreign) throw new InputError(`${name} is ${foreign}.`);
  const reader = new WireReader(source);
  const message = decode(modelSchema, reader, rootFrame(source.size));
  if (message.graphs.length === 0 || message.irVersion === 0)
    throw new InputError(
      `${name} is not an ONNX model, or a truncated one: it has no ${message.irVersion === 0 ? "ir_version" : "graph"}.`,
    );
  if (message.opsets.length === 0)
    throw new InputError(
      `${name} imports no operator set (opset_import): it is truncated, or older than ONNX 1.0; export it again.`,
    );
  const opsets = new Map(message.opsets.map(({ domain, version }) => [domain, version]));
  const graph = merged(message.graphs);
  const file = { source, folder, reader, message, graph, opsets, opset: opsets.get("") ?? 7 };
  checkShapes(file);
  return file;
}

/** Opens a model of these bytes, whose external data is not known. */
export const openBytes = (bytes: Uint8Array, name?: string): ModelFile =>
  openFile({ source: bytesSource(bytes, name), folder: null });

/** Merges a message in several fields, as protobuf does: lists are joined, the last name counts. */
function merged(graphs: readonly GraphMessage[]): GraphMessage {
  const last = graphs[graphs.length - 1];
  if (graphs.length === 1) return last;
  return {
    ...last,
    name: graphs.findLast(({ name }) => name !== "")?.name ?? "",
    nodes: graphs.flatMap((graph) => graph.nodes),
    initializers: graphs.flatMap((graph) => graph.initializers),
    sparseInitializers: graphs.flatMap((graph) => graph.sparseInitializers),
    inputs: graphs.flatMap((graph) => graph.inputs),
    outputs: graphs.flatMap((graph) => graph.outputs),
    valueInfos: graphs.flatMap((graph) => graph.valueInfos),
    annotations: graphs.flatMap((graph) => graph.annotations),
  };
}
