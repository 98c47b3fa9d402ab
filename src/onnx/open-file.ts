import { entry } from "../entry.ts";
import { InputError } from "../errors.ts";
import { allGraphs, allTensors } from "./all-tensors.ts";
import { decode, fieldsIn, partsOf, rootFrame } from "./decode.ts";
import { dataType, elements, showShape, valuesField } from "./dtypes.ts";
import { byteLength, checkInside, externalRange, isExternal, leavesFolder } from "./external.ts";
import { foreignFormat } from "./foreign.ts";
import {
  type GraphMessage,
  modelSchema,
  type TensorMessage,
  type ValueInfoMessage,
} from "./messages.ts";
import type { ModelFile, ModelSource } from "./model-file.ts";
import { bytesSource, closing, type Range, type Source } from "./source.ts";
import { BYTES, type Field, WireReader } from "./wire.ts";

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

/**
 * Checks that the declared shapes of inputs and weights are possible, in every scope: against the
 * bytes in the file, and against external files if the folder is known. Loads no weight whose
 * length gives the number of its values.
 */
function checkShapes(file: ModelFile): void {
  const { source, folder, graph } = file;
  const sizes = new Map<string, number>();
  const checkedSize = (data: Source, location: string): number => {
    if (data.path !== undefined && data.path === source.path)
      throw new InputError(
        `${source.name} keeps weights in ${location}, the model's own file; give the data file its own name again.`,
      );
    const foreign = data.size < LONGEST_POINTER ? foreignFormat(data, "data") : null;
    if (foreign)
      throw new InputError(`${source.name} keeps weights in ${location}, which is ${foreign}.`);
    return data.size;
  };
  const sizeOf = (location: string): number | null =>
    folder &&
    entry(sizes, location, () =>
      closing(folder.open(location), (data) => checkedSize(data, location)),
    );
  for (const input of graph.inputs) checkInput(source.name, input);
  for (const { inputs, outputs, valueInfos } of allGraphs(file))
    for (const infos of [inputs, outputs, valueInfos])
      for (const info of infos) checkRank(source.name, info);
  for (const tensor of allTensors(file)) checkTensor(file, tensor, sizeOf);
}

/** Size in bytes below which a data file may be a pointer or an error page. */
const LONGEST_POINTER = 1 << 16;

/** The maximum number of axes of a tensor in numpy and in all operators. */
const MAX_RANK = 64;

function checkRank(model: string, { name, type }: ValueInfoMessage): void {
  const rank = type?.tensor?.shape?.dims.length ?? 0;
  if (rank > MAX_RANK)
    throw new InputError(
      `${model}: value ${name} has ${rank} axes, but at most ${MAX_RANK} are possible; the model is damaged.`,
    );
}

/** The most elements that one byte of a message can hold: four of 2 bits, packed twice. */
const PER_BYTE = 8;

const impossible = (dims: readonly number[]) =>
  dims.some((dim) => dim < 0) || !Number.isSafeInteger(elements(dims));

function checkInput(model: string, { name, type }: ValueInfoMessage): void {
  const dims = (type?.tensor?.shape?.dims ?? []).map(({ value, param }) => value ?? param);
  if (impossible(dims.filter((dim) => typeof dim === "number" && dim >= 0) as number[]))
    throw new InputError(
      `${model}: input ${name} has the impossible shape ${showShape(dims)}; leave out the size of a free dimension.`,
    );
}

function checkTensor(
  { source, reader }: ModelFile,
  tensor: TensorMessage,
  sizeOf: (location: string) => number | null,
): void {
  const titled = () => `${source.name}: tensor ${tensor.name || "(unnamed)"}`;
  const damaged = (why: string) => new InputError(`${titled()} has ${why}; the model is damaged.`);
  const shown = () => showShape(tensor.dims);
  if (tensor.dims.length > MAX_RANK)
    throw damaged(`${tensor.dims.length} axes, but at most ${MAX_RANK} are possible`);
  const count = elements(tensor.dims);
  if (impossible(tensor.dims)) throw damaged(`the impossible shape ${shown()}`);
  const needed = byteLength(tensor);
  const differ = (held: number) =>
    damaged(`shape ${shown()} and so needs ${needed} bytes, but holds ${held}`);
  if (isExternal(tensor)) {
    const title = titled();
    const range = externalRange(title, tensor);
    if (leavesFolder(range.location))
      throw new InputError(
        `${source.name} keeps weights in ${range.location}, outside its own folder, which is not allowed; move the data next to the model.`,
      );
    if (needed !== null && range.length !== needed) throw differ(range.length ?? 0);
    const size = sizeOf(range.location);
    if (size !== null) checkInside(title, range, size);
    return;
  }
  const { raw, frame } = tensor;
  if (raw && needed !== null) {
    if (raw.end - raw.start !== needed) throw differ(raw.end - raw.start);
    return;
  }
  const held = partsOf(frame).reduce((sum, part) => sum + part.end - part.start, 0);
  if (count > PER_BYTE * held)
    throw damaged(`shape ${shown()}, more elements than its ${held} bytes can hold`);
  const values = typedValues(reader, tensor);
  if (values && values.needed !== values.held)
    throw damaged(
      `shape ${shown()} and so needs ${values.needed} values, but holds ${values.held}`,
    );
}

/**
 * Returns how many values a tensor's typed field needs by its shape, and how many it holds; null
 * for an unknown type. Types below 8 bits are packed into bytes; a complex number is two values.
 * Counts varints without decoding them.
 * @see https://onnx.ai/onnx/api/classes.html#tensorproto
 */
function typedValues(
  reader: WireReader,
  tensor: TensorMessage,
): { needed: number; held: number } | null {
  const type = dataType(tensor.dataType);
  if (!type) return null;
  const { name, bits } = type;
  const isText = name === "string";
  const perElement = name.startsWith("complex") ? 2 : isText ? 1 : Math.min(bits, 8) / 8;
  const [number, width] = valuesField(name);
  let held = 0;
  for (const field of fieldsIn(reader, tensor.frame))
    if (field.number === number) held += isText ? 1 : valuesIn(reader, field, width);
  return { needed: Math.ceil(elements(tensor.dims) * perElement), held };
}

function valuesIn(reader: WireReader, { wire, body, end }: Field, width: number | null): number {
  if (wire !== BYTES) return 1;
  return width === null ? varintsIn(reader, { start: body, end }) : (end - body) / width;
}

const BLOCK = 1 << 20;

/** Each varint ends at the byte whose highest bit is 0. */
function varintsIn({ source }: WireReader, { start, end }: Range): number {
  let count = 0;
  for (let from = start; from < end; from += BLOCK)
    for (const byte of source.read(from, Math.min(end, from + BLOCK))) if (byte < 128) count++;
  return count;
}
