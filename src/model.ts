import { fileSource, isThere, openPath, writePending, writeTogether } from "#node";
import {
  checkArgument,
  checkFrom,
  checkGiven,
  checkModel,
  checkPath,
  flag,
  object,
} from "./arguments.ts";
import type { PendingFile } from "./files/pending.ts";
import { buildGraph } from "./graph/build.ts";
import { typeOfTensor } from "./graph/constants.ts";
import { withAllowedConstants } from "./graph/early-constants.ts";
import type { Graph, Types } from "./graph/graph.ts";
import { applyPatch } from "./graph/patch.ts";
import type { Patch } from "./graph/patch-contents.ts";
import { graphValues } from "./graph/scopes.ts";
import { type InferredTypes, inferTypes } from "./infer/infer-types.ts";
import { externalLocations } from "./onnx/all-tensors.ts";
import { elements, isFloat } from "./onnx/dtypes.ts";
import { folderInMemory, type ModelFile, type ModelSource, metadataOf } from "./onnx/model-file.ts";
import { openFile } from "./onnx/open-file.ts";
import { bytesSource, closing, contentOf, type Source } from "./onnx/source.ts";
import type { Declared } from "./options.ts";
import { type Ort, onCpu } from "./ort/session.ts";

/** An ONNX model: its structure is in memory, its weights are not loaded. */
export interface Model extends ModelSource {
  readonly file: ModelFile;
  readonly graph: Graph;
  /** Size of the .onnx file in bytes. */
  readonly size: number;
  /** Number of weights: elements of float initializers and constants, bodies included. */
  readonly weights: number;
  /** Data files of its external weights, relative to its folder. */
  readonly dataFiles: readonly string[];
  /** metadata_props by key. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Returns the whole file in memory. */
  toBytes(): Uint8Array;
  /** Closes the file it reads from. */
  close(): void;
}

/** Options for opening a model. */
export interface OpenOptions {
  /** Follow links to external data outside the model's folder. */
  readonly trustLinks?: boolean | undefined;
  /** Data files of a model that is given as bytes or a Blob, by their locations. */
  readonly data?: Readonly<Record<string, Uint8Array | Blob>> | undefined;
}

const openOptions: Declared<OpenOptions> = { trustLinks: flag, data: object };

/** Opens a file by its path (Node), or bytes, as a source; `kind` is the expected ending. */
export async function sourceOf(
  from: string | Uint8Array | Blob,
  name: string,
  kind: string,
): Promise<Source> {
  if (typeof from === "string") return fileSource(from, kind);
  return bytesSource(await bytesIn(from), (from as Partial<File>).name ?? name);
}

const bytesIn = async (from: Uint8Array | Blob): Promise<Uint8Array> =>
  from instanceof Uint8Array ? from : new Uint8Array(await from.arrayBuffer());

/** Writes bytes to a path atomically: the complete file appears, or none. */
export const saveBytes = (bytes: Uint8Array, path: string) => stageBytes(bytes, path).keep();

/** Writes bytes beside a path without moving them into place yet. */
export const stageBytes = (bytes: Uint8Array, path: string): PendingFile =>
  writePending(bytesSource(bytes), path);

/** Writes bytes to a path, and files beside it by name: all appear or none does. */
export const saveFiles = (
  bytes: Uint8Array,
  path: string,
  beside: ReadonlyMap<string, Uint8Array>,
) => stageModel({ source: bytesSource(bytes), folder: null }, path, beside).keep();

/**
 * Opens an ONNX model of any IR version from a path (Node), its bytes or a Blob; a File gives its
 * name to error messages. Reads its structure and no weights. Throws an InputError of one sentence if it is not a readable model.
 */
export async function openModel(
  from: string | Uint8Array | Blob,
  options: OpenOptions = {},
): Promise<Model> {
  checkFrom("openModel", from);
  checkGiven("openModel", options, openOptions);
  if (typeof from === "string") {
    const given = openPath(from, options.trustLinks ?? false);
    try {
      return opened(given);
    } catch (error) {
      given.source.close?.();
      throw error;
    }
  }
  const source = await sourceOf(from, "model", ".onnx");
  if (options.data === undefined) return opened({ source, folder: null });
  const data = new Map<string, Uint8Array>();
  for (const [location, file] of Object.entries(options.data)) {
    const isFile = file instanceof Uint8Array || file instanceof Blob;
    checkArgument(`data ${location} of openModel`, file, isFile, "a Uint8Array or a Blob");
    data.set(location, await bytesIn(file));
  }
  return opened({ source, folder: folderInMemory(source.name, data) });
}

/** Returns a model after decoding its structure, so that errors in it are reported now. */
function opened(given: ModelSource): Model {
  const model = modelOf(given);
  void model.graph;
  return model;
}

/** Returns a model of these bytes; they are decoded and linked on first use. */
export function modelOf({ source, folder }: ModelSource): Model {
  let [file, graph]: [ModelFile?, Graph?] = [];
  return {
    source,
    folder,
    get file() {
      file ??= openFile({ source, folder });
      return file;
    },
    get graph() {
      graph ??= buildGraph(this.file);
      return graph;
    },
    get weights() {
      return weights(this.graph);
    },
    get dataFiles() {
      return [...externalLocations(this.file)];
    },
    get metadata() {
      return metadataOf(this.file);
    },
    size: source.size,
    toBytes: () => contentOf(source).slice(),
    close: () => source.close?.(),
  };
}

/** Does as `applyPatch`, and returns a model. */
export const patched = async (...change: Parameters<typeof applyPatch>): Promise<Model> =>
  modelOf(await applyPatch(...change));

/** Does as `patched`, with Constants of the main graph in types that the model's opset allows. */
export async function strictlyPatched(graph: Graph, patch: Patch): Promise<Model> {
  const model = await patched(graph, patch);
  const constants = withAllowedConstants(model.graph);
  return constants ? patched(model.graph, constants) : model;
}

function weights(graph: Graph): number {
  let sum = 0;
  for (const value of graphValues(graph)) {
    const type = typeOfTensor(value);
    if (isFloat(type?.dtype)) sum += elements(type!.shape!.map(Number));
  }
  return sum;
}

/**
 * Writes a model to a path, streamed and atomically: the complete file replaces the previous one,
 * or nothing changes. An unpatched model is written byte for byte.
 */
export async function saveModel(model: Model, path: string): Promise<void> {
  checkModel("saveModel", model);
  checkPath("saveModel", path);
  stageModel(model, path).keep();
}

/** Returns the data files to copy when a model is saved: those that are not at the path yet. */
export function missingCopies({ folder }: Pick<ModelSource, "folder">, path: string): string[] {
  const names = [...(folder?.copies?.keys() ?? [])];
  return names.filter((name) =>
    closing(folder!.open(name, true), (data) => !isThere(data, path, name)),
  );
}

/**
 * Writes a model and its accompanying files without moving them into place yet: new weights in a
 * data file, copies of its data if requested, and other files by name. All are moved into place, or
 * none.
 */
export function stageModel(
  { source, folder }: ModelSource,
  path: string,
  beside: ReadonlyMap<string, Uint8Array> = new Map(),
): PendingFile {
  const { companion } = folder ?? {};
  const copies = missingCopies({ folder }, path);
  if (!companion && copies.length === 0 && beside.size === 0) return writePending(source, path);
  const others = new Map<string, Source>();
  try {
    for (const name of copies) others.set(name, folder!.open(name, true));
    if (companion) others.set(companion.location, bytesSource(companion.bytes));
    for (const [name, bytes] of beside) others.set(name, bytesSource(bytes));
    const present = [...(folder?.copies?.keys() ?? [])].filter((name) => !others.has(name));
    return writeTogether(source, others, path, present);
  } finally {
    for (const other of others.values()) other.close?.();
  }
}

const inferred = new WeakMap<Model, Promise<InferredTypes>>();

/** States the types of a model's values, so that they are not inferred. */
export const stateTypes = (model: Model, types: Types): void => {
  inferred.set(model, Promise.resolve({ types, warnings: [] }));
};

/** Infers the types of a model's values, once per model unless the call is aborted. */
export async function typesOf(model: Model, ort: Ort) {
  // Sessions that infer are not run: the CPU is the quickest to make them.
  const known = inferred.get(model) ?? inferTypes(onCpu(ort), model.graph);
  inferred.set(model, known);
  const types = await known;
  if (!ort.signal?.aborted) return types;
  inferred.delete(model);
  throw ort.signal.reason;
}
