import { openPath, type PendingFile, sha256, writePending } from "#node";
import { buildGraph, type Graph } from "./graph/graph.ts";
import { isFloat, type Types, typeOfTensor } from "./graph/types.ts";
import { type ModelFile, openFile } from "./onnx/model-file.ts";
import { externalLocations } from "./onnx/sound-shapes.ts";
import { bytesSource } from "./onnx/source.ts";
import { inferTypes } from "./runtime/infer.ts";
import type { Ort } from "./runtime/session.ts";

/** An ONNX model: its structure in memory, its weights where they lie. */
export interface Model {
  readonly file: ModelFile;
  readonly graph: Graph;
  /** Bytes of the .onnx file. */
  readonly size: number;
  /** Floating-point weights: elements of all initializers and constants of the main graph. */
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

/**
 * Opens an ONNX model of any IR version from a path (Node), its bytes or a Blob. Reads its
 * structure and no weight. Throws an InputError, one sentence, where it is no readable model.
 */
export async function openModel(
  from: string | Uint8Array | Blob,
  options: OpenOptions = {},
): Promise<Model> {
  if (typeof from === "string") {
    const { source, folder } = openPath(from, options.trustLinks ?? false);
    try {
      return modelOf(openFile(source, folder));
    } catch (error) {
      source.close?.();
      throw error;
    }
  }
  const bytes = from instanceof Uint8Array ? from : new Uint8Array(await from.arrayBuffer());
  return modelOf(openFile(bytesSource(bytes), null));
}

/** A model over an opened file. */
export function modelOf(file: ModelFile): Model {
  const graph = buildGraph(file);
  return {
    file,
    graph,
    get weights() {
      return weights(graph);
    },
    dataFiles: [...externalLocations(file)],
    metadata: new Map(
      file.message.metadata.map(({ key, value }) => [
        key,
        value ? text.decode(file.reader.bytes(value)) : "",
      ]),
    ),
    size: file.source.size,
    toBytes: () => file.source.read(0, file.source.size).slice(),
    close: () => file.source.close?.(),
  };
}

const text = new TextDecoder();

const weights = ({ main }: Graph) =>
  [...main.values.values()].reduce((sum, value) => {
    const type = typeOfTensor(value);
    if (!isFloat(type?.dtype)) return sum;
    return sum + type!.shape!.reduce<number>((n, dim) => n * Number(dim), 1);
  }, 0);

/**
 * Writes a model to a path, streamed and atomically: the file appears whole or not at all, and
 * replaces what was there. An unpatched model is written byte for byte as it was.
 */
export async function saveModel(model: Model, path: string): Promise<void> {
  stageModel(model, path).keep();
}

/** Writes a model, and its new data file where it has one, without giving them their names yet. */
export function stageModel(model: Model, path: string): PendingFile {
  const { companion } = model.file.folder ?? {};
  if (!companion) return writePending(model.file.source, path);
  const data = writePending(bytesSource(companion.bytes), sibling(path, companion.location));
  try {
    const graph = writePending(model.file.source, path);
    return {
      path: graph.path,
      keep: () => {
        data.keep();
        graph.keep();
      },
      discard: () => {
        data.discard();
        graph.discard();
      },
    };
  } catch (error) {
    data.discard();
    throw error;
  }
}

const sibling = (path: string, name: string) => path.replace(/[^/\\]*$/, name);

const inferred = new WeakMap<Model, Promise<{ types: Types; warnings: readonly string[] }>>();

/** Types of a model's values; inferred once. */
export function typesOf(model: Model, ort: Ort) {
  const known = inferred.get(model) ?? inferTypes(ort, model.graph);
  inferred.set(model, known);
  return known;
}

export { sha256 };
