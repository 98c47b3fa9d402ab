import { entry } from "../entry.ts";
import { InputError } from "../errors.ts";
import { typeOfTensor } from "../graph/constants.ts";
import type { Graph } from "../graph/graph.ts";
import { linkedValues } from "../graph/linkable.ts";
import { patchedBytes, patchedFile } from "../graph/patch.ts";
import { replaceWeights } from "../graph/replace-weights.ts";
import { allTensors, externalLocations } from "../onnx/all-tensors.ts";
import { fieldsIn } from "../onnx/decode.ts";
import { externalRange, isExternal } from "../onnx/external.ts";
import { FIELD, type TensorMessage } from "../onnx/messages.ts";
import { type ModelFile, tensorBytes, withoutDots } from "../onnx/model-file.ts";
import { openBytes, openFile } from "../onnx/open-file.ts";
import { closing, contentOf, equalRanges, originOf, type Source } from "../onnx/source.ts";
import type { Runnable } from "./session.ts";
import { isUnnameable } from "./unnameable.ts";

/** Size in bytes above which a model in a file is loaded by path, with linked weights. */
const LOADED = 1 << 28;
/** Maximum size in bytes of a file that onnxruntime parses. */
const LARGEST = 2 ** 31 - 1;
/** Number of weights above which a model has many. */
const MANY = 4000;

/**
 * Returns a model in the form that onnxruntime takes: the path of its unchanged file, otherwise its
 * bytes without the weights that onnxruntime can read from their file.
 */
export function runnable(file: ModelFile, written?: string): Runnable {
  const manyWeights = file.graph.initializers.length > MANY;
  const placing = { ...placed(file, written), title: file.source.name, manyWeights };
  return file.folder?.path ? { ...placing, inMemory: () => inMemory(file) } : placing;
}

function placed(file: ModelFile, written?: string): Runnable {
  const { source, folder } = file;
  const { companion, copies } = folder ?? {};
  const renamed = file.graph.outputs.some(({ name }) => isUnnameable(name));
  const path = renamed ? null : (written ?? source.path);
  if (path && (!companion || copies?.size) && source.size <= LARGEST) return { model: path };
  if (
    written &&
    !renamed &&
    [...externalLocations(file)].every((name) => name === companion?.location)
  )
    return { model: written };
  if (folder?.path === null && !written) return inMemory(file);
  const { bytes, folder: home } = linkedModel(file, source.size > LOADED, written);
  return { model: bytes, folder: home };
}

/**
 * Returns a model with its data files in memory, under names that onnxruntime finds them by. Files
 * that models share are read once if `read` is the same for them.
 */
export function inMemory(file: ModelFile, read = new Map<string, Uint8Array>()): Runnable {
  const ready = beforeCopies(file);
  const bytesOf = (data: Source) =>
    data.path === undefined ? contentOf(data) : entry(read, data.path, () => contentOf(data));
  const externalData = [...externalLocations(ready)].map((location) => ({
    path: withoutDots(location),
    data: closing(ready.folder!.open(location), bytesOf),
  }));
  return { model: contentOf(patchedBytes(ready, { locations: withoutDots }).source), externalData };
}

/**
 * Returns a model's bytes, if `links` without any weights that onnxruntime can read from their files,
 * and the folder of these files; undefined without any. `written` is its path until it gets its name.
 */
export function linkedModel(file: ModelFile, links = true, written?: string) {
  const home = file.folder?.path ?? undefined;
  if (home === undefined) checkReachable(file);
  // New data waits in a temporary folder inside the folder of the old data.
  const waiting = (name: string) =>
    name === file.folder?.companion?.location ? `${written?.split(/[/\\]/).at(-2)}/${name}` : name;
  const ready = written ? patchedFile(file, { locations: waiting }) : beforeCopies(file);
  const reach = written ? { source: ready.source, folder: home } : withinReach(ready);
  const isNear = (at: Source) => home !== undefined && liesIn(home, at);
  const { source } =
    links && reach.folder === home
      ? patchedBytes(ready, { values: linkedValues(ready, isNear) })
      : reach;
  return { bytes: contentOf(source), folder: reach.folder };
}

/** Throws an InputError if onnxruntime would look for a model's data in the current folder. */
function checkReachable(file: ModelFile): void {
  const { companion } = file.folder ?? {};
  const [lost] = [...externalLocations(file)].filter((name) => name !== companion?.location);
  if (lost !== undefined)
    throw new InputError(
      `${file.source.name} keeps weights in ${lost}; open the model by its path, or give that file in option data of openModel.`,
    );
}

/** Whether onnxruntime finds the file in the folder by its name. */
const liesIn = (folder: string, { path, name, isLink }: Source) =>
  !isLink && path?.slice(0, -name.length - 1) === folder;

/**
 * Turns weights of the main graph into graph inputs of the same name, type and shape, because
 * onnxruntime's JavaScript API ignores feeds that override an initializer.
 */
export function withWeightsAsInputs({ file, main }: Graph, names: readonly string[]): ModelFile {
  const present = new Set(file.graph.inputs.map(({ name }) => name));
  const removed = names.map((name) => main.values.get(name)!);
  const inputs = removed
    .filter(({ name }) => !present.has(name))
    .map((value) => ({ name: value.name, type: typeOfTensor(value) }));
  return patchedFile(file, { removed, inputs });
}

/** Replaces the values of some weights, by name, as raw data. */
export function withOtherWeights(
  graph: Graph,
  weights: ReadonlyMap<string, Uint8Array>,
): ModelFile {
  return openFile(replaceWeights(graph, weights));
}

/**
 * Returns a model and a folder that contains all of its data, because onnxruntime does not follow
 * links out of the folder it is given. If links point outside, as in Hugging Face's cache, this is the
 * nearest common folder, and the model names its files relative to it.
 */
function withinReach(file: ModelFile): { source: Source; folder: string | undefined } {
  const { source, folder } = file;
  if (!folder?.path) return { source, folder: undefined };
  const places = new Map(
    [...externalLocations(file)].map((location) => {
      const path = closing(folder.open(location), (data) => data.path ?? "");
      return [location, path.split(SEPARATOR)] as const;
    }),
  );
  const home = folder.path.split(SEPARATOR);
  const top = [...places.values()].reduce(shared, home);
  if (top.length === home.length) return { source, folder: folder.path };
  const rename = (location: string) => places.get(location)!.slice(top.length).join("/");
  return { ...patchedBytes(file, { locations: rename }), folder: `${top.join("/")}/` };
}

const SEPARATOR = /[/\\]/;

/** Returns the common prefix of two paths. */
function shared(a: readonly string[], b: readonly string[]): string[] {
  const length = a.findIndex((part, k) => part !== b[k]);
  return a.slice(0, length < 0 ? a.length : length);
}

/** Fields of a TensorProto that locate its values. */
const VALUES: ReadonlySet<number> = new Set([FIELD.tensorRaw, FIELD.tensorExternalData, 14]);

/**
 * Returns a model that reads its data files where they are before they are copied, and embeds new
 * data, because its file may have the name of an old one. Returns the same model if it has neither.
 */
function beforeCopies(file: ModelFile): ModelFile {
  const { copies, before = null } = file.folder ?? {};
  const complete = withCompanionInside(file);
  if (!copies?.size) return complete;
  const locations = (name: string) => copies.get(name) ?? name;
  return openFile({ ...patchedBytes(complete, { locations }), folder: before });
}

/** Returns a model that embeds data that will become a file of its own. */
function withCompanionInside(file: ModelFile): ModelFile {
  const { companion } = file.folder ?? {};
  if (!companion) return file;
  const values = file.graph.initializers.filter(isExternal).flatMap((tensor) => {
    const { location, offset, length } = externalRange(tensor.name, tensor);
    if (location !== companion.location) return [];
    return [{ tensor, to: companion.bytes.subarray(offset, offset + (length ?? 0)) }];
  });
  return patchedFile(file, { values });
}

/**
 * Returns a small model built from parts of another, with external data embedded, because
 * onnxruntime would look for the files of a model given as bytes in the current folder.
 */
export function withDataInside(model: Uint8Array, whole: ModelFile): Uint8Array {
  if (externalLocations(whole).size === 0) return model;
  const file = openBytes(model, whole.source.name);
  const values = [...allTensors(file)]
    .filter(isExternal)
    .map((tensor) => ({ tensor, to: tensorBytes(whole, tensor) }));
  return contentOf(patchedBytes(file, { values }).source);
}

/** Whether two tensors differ only in how they refer to the same bytes. Reads no values. */
export function movedOnly(
  before: ModelFile,
  a: TensorMessage,
  after: ModelFile,
  b: TensorMessage,
): boolean {
  if (!isExternal(b) || !samePlace(before, a, after, b)) return false;
  const rest = (file: ModelFile, tensor: TensorMessage) =>
    [...fieldsIn(file.reader, tensor.frame)].filter(({ number }) => !VALUES.has(number));
  const [x, y] = [rest(before, a), rest(after, b)];
  return x.length === y.length && x.every((field, k) => equalRanges(before, field, after, y[k]));
}

function samePlace(before: ModelFile, { raw }: TensorMessage, after: ModelFile, b: TensorMessage) {
  const { location, offset, length } = externalRange(b.name, b);
  const origin = raw && originOf(before.source, raw);
  return (
    origin !== null &&
    origin.source.name === location &&
    before.folder?.path === after.folder?.path &&
    origin.start === offset &&
    origin.end - origin.start === length
  );
}
