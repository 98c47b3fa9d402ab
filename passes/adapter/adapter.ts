import {
  checkFrom,
  checkGiven,
  checkModel,
  checkPath,
  texts,
  type WithOrt,
  withOrt,
} from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import {
  isOnnxAdapter,
  readOnnxAdapter,
  writeOnnxAdapter,
} from "../../src/formats/onnx-adapter.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/safetensors.ts";
import { tensorOf, typeOfTensor } from "../../src/graph/constants.ts";
import { weightNamed } from "../../src/graph/scopes.ts";
import { type Model, saveBytes, sourceOf } from "../../src/model.ts";
import { isFloat, showShape } from "../../src/onnx/dtypes.ts";
import type { DenseTensor } from "../../src/onnx/new-node.ts";
import { closing, type Source } from "../../src/onnx/source.ts";
import type { ValuesOf } from "../../src/option-values.ts";
import { type Given, shown } from "../../src/options.ts";
import type { Tensors } from "../../src/ort/session.ts";
import { tensorOfBytes } from "../../src/ort/tensors.ts";
import { VERSION } from "../../src/version.ts";
import { TUNING_KEY, type TuningRecord, tuningOf } from "../head/tuning.ts";
import {
  type Laurelization,
  laurelizations,
  manifestKey,
  parameterNames,
} from "../laurelize/manifest.ts";
import { knowsTrained } from "../laurelize/strip.ts";
import { formatting } from "./adapter-options.ts";
import { laurelizationsOf, trainableWeights } from "./trainable.ts";
import { trainedNames } from "./trained.ts";
import { weightOf } from "./weights.ts";

/** The tuned weights of a laurelized model, and a description of the model they are for. */
export interface Adapter {
  /** The name in error messages: a file name, or "model". */
  readonly name: string;
  /** What was inserted into the original, first to last; empty if only its own weights are tuned. */
  readonly laurelizations: readonly Laurelization[];
  /** What is recorded of the model if it has a new last layer, or no LAuReL. */
  readonly tuning?: TuningRecord | null | undefined;
  /** The new weights, and others that were tuned with them. */
  readonly tensors: readonly DenseTensor[];
  /** How many examples they were trained on, if that is known. */
  readonly examples?: number | undefined;
}

/** How an adapter is written. */
export type AdapterFormat = Given<ValuesOf<typeof formatting>>;

/** The metadata key of the number of examples. */
export const EXAMPLES = "laurelize_examples";

/**
 * Extracts the LAuReL weights of a laurelized model, the other weights that its metadata lists as
 * trained, and those that match a glob of `train`. An empty `train` extracts only LAuReL's. Throws
 * an InputError if there are none, or if it is unknown without `train` which weights were trained.
 */
export async function extractAdapter(
  model: Model,
  options: { readonly train?: readonly string[] | undefined } = {},
): Promise<Adapter> {
  checkModel("extractAdapter", model);
  checkGiven("extractAdapter", options, { train: texts });
  const adapter = adapterOf(model, options.train);
  const isPlain = adapter.laurelizations.length === 0;
  if (options.train !== undefined || isPlain || (await knowsTrained(model))) return adapter;
  throw new InputError(
    `${model.source.name} does not record whether weights other than LAuReL's were trained; name them with --train (train: ["head.*"] in the API), or take only LAuReL's with --no-train (train: []).`,
  );
}

/** Returns the adapter of a model whose trained weights are known. */
export function adapterOf(model: Model, train: readonly string[] | undefined): Adapter {
  const known = train?.length === 0 ? [] : trainedNames(model);
  const isPlain = laurelizations(model.metadata).length === 0;
  const inserted = isPlain ? [] : laurelizationsOf(model).map(withoutUndo);
  const isNamed = isPlain && known.length > 0 && train === undefined;
  const names = new Set([...(isNamed ? [] : trainableWeights(model, train)), ...known]);
  const tensors = [...names].map((name) => weightOf(model, name));
  const none = isPlain ? { version: VERSION, sha256: null, trained: [...names] } : null;
  const tuning = tuningOf(model.metadata) ?? none;
  return { name: model.source.name, laurelizations: inserted, tensors, tuning };
}

const withoutUndo = (read: Laurelization): Laurelization => {
  const { version, variant, options, sites, finding, sha256 } = read;
  return { version, variant, options, sites, ...(finding ? { finding } : {}), sha256 };
};

/** Returns an adapter as a file; the same adapter gives the same bytes. */
export function adapterBytes(adapter: Adapter, options: AdapterFormat = {}): Uint8Array {
  checkAdapter("adapterBytes", adapter);
  checkGiven("adapterBytes", options, formatting);
  const { laurelizations, tensors, tuning } = adapter;
  if (options.format === "onnx_adapter") return writeOnnxAdapter(tensors);
  if (laurelizations.length === 0 && !tuning)
    throw new InputError(
      `${adapter.name}, in onnxruntime's format, does not say which model it is for; apply it to the laurelized model and extract the adapter from the result.`,
    );
  return writeSafetensors(tensors, adapterMetadata(adapter));
}

/** Returns what an adapter states about its model, by the keys of its metadata. */
export function adapterMetadata({
  laurelizations,
  tuning,
  examples,
}: Adapter): Map<string, string> {
  const metadata = new Map(laurelizations.map((each, n) => [manifestKey(n), JSON.stringify(each)]));
  if (tuning) metadata.set(TUNING_KEY, JSON.stringify(tuning));
  if (examples !== undefined) metadata.set(EXAMPLES, String(examples));
  return metadata;
}

/** Writes an adapter to a path atomically: the complete file appears, or none. */
export async function saveAdapter(
  adapter: Adapter,
  path: string,
  options: AdapterFormat = {},
): Promise<void> {
  checkAdapter("saveAdapter", adapter);
  checkPath("saveAdapter", path);
  saveBytes(adapterBytes(adapter, options), path);
}

/**
 * Opens an adapter from a path (Node), its bytes or a Blob: a .safetensors file that laurelize has
 * written, or an adapter of onnxruntime. Throws an InputError if it is neither.
 */
export async function openAdapter(from: string | Uint8Array | Blob): Promise<Adapter> {
  checkFrom("openAdapter", from);
  return closing(await sourceOf(from, "the adapter", ".safetensors"), (source) =>
    isOnnxAdapter(source)
      ? { name: source.name, laurelizations: [], tensors: readOnnxAdapter(source) }
      : safetensorsAdapter(source),
  );
}

function safetensorsAdapter(source: Source): Adapter {
  const { tensors, metadata } = readSafetensors(source);
  const { name } = source;
  const inserted = laurelizations(metadata);
  const tuning = tuningOf(metadata);
  if ((inserted.length === 0 && !tuning) || inserted.includes(null))
    throw new InputError(
      `${name} does not say which model it is for; give an adapter that laurelize extract or finetune has written.`,
    );
  const read = tensors.map(({ range: { start, end }, ...tensor }) => ({
    ...tensor,
    data: source.read(start, end).slice(),
  }));
  const held = new Set(tensors.map((tensor) => tensor.name));
  const wanted = [
    ...parameterNames(inserted as Laurelization[]),
    ...(tuning?.head?.weights ?? []),
    ...(inserted.length === 0 ? tuning!.trained : []),
  ];
  const missing = wanted.find((each) => !held.has(each));
  if (missing !== undefined)
    throw new InputError(
      `${name} does not have the tensor ${missing}, which its metadata names; it is damaged, or was rewritten by another tool.`,
    );
  const examples = Number(metadata.get(EXAMPLES));
  const counted = Number.isSafeInteger(examples) && examples > 0 ? { examples } : {};
  return { name, laurelizations: inserted as Laurelization[], tensors: read, tuning, ...counted };
}

/** Returns the adapter's tensors as onnxruntime's, for a model whose weights are inputs. */
export function adapterFeeds(adapter: Adapter, options: WithOrt): Tensors {
  checkAdapter("adapterFeeds", adapter);
  checkGiven("adapterFeeds", options, withOrt);
  const { ort } = options;
  return Object.fromEntries(
    adapter.tensors.map(({ name, dtype, dims, data }) => [
      name,
      tensorOfBytes(ort, dtype, data, dims),
    ]),
  );
}

/** Throws a TypeError of one sentence if an argument is not an adapter. */
export function checkAdapter(of: string, given: unknown): void {
  const { laurelizations, tensors } = (given ?? {}) as Partial<Adapter>;
  if (Array.isArray(laurelizations) && Array.isArray(tensors)) return;
  throw new TypeError(
    `${of} takes an adapter, await openAdapter("adapter.safetensors"), and got ${shown(given)}.`,
  );
}

/** Returns why the adapter's tensors do not match the model, as a clause; null if they do. */
export function tensorMisfit(model: Model, { name, tensors }: Adapter): string | null {
  for (const { name: each, dtype, dims } of tensors) {
    const value = weightNamed(model.graph, each);
    const type = value && tensorOf(value) ? typeOfTensor(value) : null;
    if (value && !type && !value.producer)
      return `${model.source.name} takes the weight ${each} as an input and does not contain it`;
    if (!type || !isFloat(type.dtype))
      return `${name} contains a tensor ${each}, but ${model.source.name} has no float weight of that name`;
    if (type.dtype !== dtype || type.shape?.join() !== dims.join())
      return `tensor ${each} is ${dtype} ${showShape(dims)} in ${name}, but ${type.dtype} ${showShape(type.shape)} in ${model.source.name}`;
  }
  return null;
}
