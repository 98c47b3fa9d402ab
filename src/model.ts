import { fileSource, isThere, openPath, writePending, writeTogether } from "#node";
import { checkFrom, checkGiven, checkModel, checkPath, flag } from "./arguments.ts";
import type { PendingFile } from "./files/pending.ts";
import { buildGraph } from "./graph/build.ts";
import { limitsConstants, withAllowedConstants } from "./graph/early-constants.ts";
import type { Graph } from "./graph/graph.ts";
import { applyPatch } from "./graph/patch.ts";
import type { Patch } from "./graph/patch-contents.ts";
import { scopesOf } from "./graph/scopes.ts";
import { isFloat, type Types, typeOfTensor } from "./graph/types.ts";
import { inferTypes } from "./infer/infer-types.ts";
import { externalLocations } from "./onnx/all-tensors.ts";
import type { Folder, ModelFile } from "./onnx/model-file.ts";
import { openFile } from "./onnx/open-file.ts";
import { bytesSource, type Source } from "./onnx/source.ts";
import type { Declared } from "./options.ts";
import type { Ort } from "./ort/session.ts";

/** An ONNX model: its structure in memory, its weights where they lie. */
export interface Model {
  readonly source: Source;
  readonly folder: Folder | null;
  readonly file: ModelFile;
  readonly graph: Graph;
  /** Bytes of the .onnx file. */
  readonly size: number;
  /** Floating-point weights: elements of all initializers and constants, those in bodies too. */
  readonly weights: number;
  /** Data files that hold its external weights, relative to its folder. */
  readonly dataFiles: readonly string[];
  /** metadata_props by key. */
  readonly metadata: ReadonlyMap<string, string>;
  /** The whole file in memory. */
  toBytes(): Uint8Array;
  /** Lets go of the file it reads from. */
  close(): void;
}

/** How to open a model. */
export interface OpenOptions {
  /** Follow links to external data that lead out of the model's folder. */
  readonly trustLinks?: boolean | undefined;
}

const openOptions: Declared<OpenOptions> = { trustLinks: flag };

/** A file by its path (Node), or bytes, as a source; `kind` is the ending that is expected. */
export async function sourceOf(
  from: string | Uint8Array | Blob,
  name: string,
  kind: string,
): Promise<Source> {
  if (typeof from === "string") return fileSource(from, kind);
  const bytes = from instanceof Uint8Array ? from : new Uint8Array(await from.arrayBuffer());
  return bytesSource(bytes, name);
}

/** Writes bytes to a path: the file appears whole or not at all. */
export const saveBytes = (bytes: Uint8Array, path: string) =>
  writePending(bytesSource(bytes), path).keep();

/** Writes bytes to a path, and files beside it by name: all appear or none does. */
export const saveFiles = (
  bytes: Uint8Array,
  path: string,
  beside: ReadonlyMap<string, Uint8Array>,
) => stageModel({ source: bytesSource(bytes), folder: null }, path, beside).keep();

/**
 * Opens an ONNX model of any IR version from a path (Node), its bytes or a Blob. Reads its
 * structure and no weight. Throws an InputError, one sentence, where it is no readable model.
 */
export async function openModel(
  from: string | Uint8Array | Blob,
  options: OpenOptions = {},
): Promise<Model> {
  checkFrom("openModel", from);
  checkGiven("openModel", options, openOptions);
  if (typeof from === "string") {
    const { source, folder } = openPath(from, options.trustLinks ?? false);
    try {
      return opened(source, folder);
    } catch (error) {
      source.close?.();
      throw error;
    }
  }
  const bytes = from instanceof Uint8Array ? from : new Uint8Array(await from.arrayBuffer());
  return opened(bytesSource(bytes), null);
}

/** A model whose structure has been read, so that what is wrong with it is said now. */
function opened(source: Source, folder: Folder | null): Model {
  const model = modelOf(source, folder);
  void model.graph;
  return model;
}

/** A model over a source: decoded and linked when that is first asked for. */
export function modelOf(source: Source, folder: Folder | null): Model {
  const file = once(() => openFile(source, folder));
  const graph = once(() => buildGraph(file()));
  return {
    source,
    folder,
    get file() {
      return file();
    },
    get graph() {
      return graph();
    },
    get weights() {
      return weights(graph());
    },
    get dataFiles() {
      return [...externalLocations(file())];
    },
    get metadata() {
      return metadata(file());
    },
    size: source.size,
    toBytes: () => source.read(0, source.size).slice(),
    close: () => source.close?.(),
  };
}

/** The model that a patch makes of a graph. Throws an InputError where it cannot be applied. */
export async function patched(graph: Graph, patch: Patch): Promise<Model> {
  const { source, folder } = await applyPatch(graph, patch);
  return modelOf(source, folder);
}

/** As `patched`, and the Constants of the main graph hold only what the model's opset allows. */
export async function strictlyPatched(graph: Graph, patch: Patch): Promise<Model> {
  const model = await patched(graph, patch);
  const constants = limitsConstants(graph) ? withAllowedConstants(model.graph) : null;
  return constants ? patched(model.graph, constants) : model;
}

function once<T>(make: () => T): () => T {
  let made: { it: T } | undefined;
  return () => {
    made ??= { it: make() };
    return made.it;
  };
}

const metadata = ({ message, reader }: ModelFile) =>
  new Map(
    message.metadata.map(({ key, value }) => [key, value ? text.decode(reader.bytes(value)) : ""]),
  );

const text = new TextDecoder();

function weights(graph: Graph): number {
  let sum = 0;
  for (const { values } of scopesOf(graph))
    for (const value of values.values()) {
      const type = typeOfTensor(value);
      if (isFloat(type?.dtype)) sum += type!.shape!.reduce<number>((n, dim) => n * Number(dim), 1);
    }
  return sum;
}

/**
 * Writes a model to a path, streamed and atomically: the file appears whole or not at all, and
 * replaces what was there. An unpatched model is written byte for byte as it was.
 */
export async function saveModel(model: Model, path: string): Promise<void> {
  checkModel("saveModel", model);
  checkPath("saveModel", path);
  stageModel(model, path).keep();
}

/** The data files that are copied when a model is saved at a path: those that are not there already. */
export function missingCopies(folder: Folder | null, path: string): string[] {
  return [...(folder?.copies?.keys() ?? [])].filter((name) => {
    const data = folder!.open(name, true);
    try {
      return !isThere(data, path, name);
    } finally {
      data.close?.();
    }
  });
}

/**
 * Writes a model, and the files that come with it, without giving them their names yet: new
 * weights in a file of their own, copies of its data where they are asked for, and what else is to
 * lie beside it, by name. All get their names or none does.
 */
export function stageModel(
  { source, folder }: Pick<Model, "source" | "folder">,
  path: string,
  beside: ReadonlyMap<string, Uint8Array> = new Map(),
): PendingFile {
  const { companion } = folder ?? {};
  const copies = missingCopies(folder, path);
  if (!companion && copies.length === 0 && beside.size === 0) return writePending(source, path);
  const others = new Map<string, Source>();
  try {
    for (const name of copies) others.set(name, folder!.open(name, true));
    if (companion) others.set(companion.location, bytesSource(companion.bytes));
    for (const [name, bytes] of beside) others.set(name, bytesSource(bytes));
    return writeTogether(source, others, path);
  } finally {
    for (const other of others.values()) other.close?.();
  }
}

const inferred = new WeakMap<Model, Promise<{ types: Types; warnings: readonly string[] }>>();

/** Types of a model's values; inferred once, but for a call that was stopped. */
export async function typesOf(model: Model, ort: Ort) {
  const known = inferred.get(model) ?? inferTypes(ort, model.graph);
  inferred.set(model, known);
  const types = await known;
  if (!ort.signal?.aborted) return types;
  inferred.delete(model);
  throw ort.signal.reason;
}
