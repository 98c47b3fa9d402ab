import { elements } from "./data-types.ts";
import { partsOf } from "./decode.ts";
import { byteLength, checkInside, externalRange, isExternal } from "./external.ts";
import type { GraphMessage, NodeMessage, TensorMessage, ValueInfoMessage } from "./messages.ts";
import type { ModelFile } from "./model-file.ts";
import { InputError } from "./source.ts";

/**
 * Checks that what a model says of its inputs and weights can be true, the weights in every scope:
 * shapes, the bytes held for them, and where a folder is known the files outside. Reads no weight.
 */
export function checkShapes(file: ModelFile): void {
  const { source, folder, graph } = file;
  const sizes = new Map<string, number>();
  const sizeOf = (location: string): number | null => {
    if (folder === null) return null;
    const known = sizes.get(location);
    if (known !== undefined) return known;
    const data = folder.open(location);
    sizes.set(location, data.size);
    data.close?.();
    return data.size;
  };
  for (const input of graph.inputs) checkInput(source.name, input);
  for (const tensor of allTensors(file)) checkTensor(source.name, tensor, sizeOf);
}

/** Every data file that a model names, in any scope. */
export const externalLocations = (file: ModelFile): ReadonlySet<string> =>
  new Set(
    [...allTensors(file)]
      .filter(isExternal)
      .map((tensor) => externalRange(tensor.name, tensor).location),
  );

/** Every tensor of a model, in any scope. */
export function* allTensors({ graph, message }: ModelFile): Generator<TensorMessage> {
  yield* tensorsOf(graph);
  for (const { nodes } of message.functions) yield* tensorsIn(nodes);
}

function* tensorsOf(graph: GraphMessage): Generator<TensorMessage> {
  yield* graph.initializers;
  for (const { values } of graph.sparseInitializers) if (values) yield values;
  yield* tensorsIn(graph.nodes);
}

function* tensorsIn(nodes: readonly NodeMessage[]): Generator<TensorMessage> {
  for (const node of nodes)
    for (const { t, g, graphs } of node.attributes) {
      if (t) yield t;
      if (g) yield* tensorsOf(g);
      for (const graph of graphs) yield* tensorsOf(graph);
    }
}

/** Elements that one byte of a message can hold at most: four of 2 bits, packed twice over. */
const PER_BYTE = 8;

const impossible = (dims: readonly number[]) =>
  dims.some((dim) => dim < 0) || !Number.isSafeInteger(elements(dims));

function checkInput(model: string, { name, type }: ValueInfoMessage): void {
  const dims = (type?.tensor?.shape?.dims ?? []).map(({ value, param }) => value ?? param);
  if (impossible(dims.filter((dim) => typeof dim === "number")))
    throw new InputError(
      `${model}: input ${name} has the impossible shape [${dims.map((dim) => (dim === "" ? "?" : dim)).join(", ")}]; where a dimension is free, the model must leave its size out.`,
    );
}

function checkTensor(
  model: string,
  tensor: TensorMessage,
  sizeOf: (location: string) => number | null,
): void {
  const title = `${model}: tensor ${tensor.name || "(unnamed)"}`;
  const dims = `[${tensor.dims.join(", ")}]`;
  const count = elements(tensor.dims);
  if (impossible(tensor.dims))
    throw new InputError(`${title} has the impossible shape ${dims}; the model is damaged.`);
  const needed = byteLength(tensor);
  const differ = (held: number) =>
    new InputError(
      `${title} has shape ${dims} and so needs ${needed} bytes, but holds ${held}; the model is damaged.`,
    );
  if (isExternal(tensor)) {
    const range = externalRange(title, tensor);
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
    throw new InputError(
      `${title} has shape ${dims}, more elements than its ${held} bytes can hold; the model is damaged.`,
    );
}
