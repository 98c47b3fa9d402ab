import { InputError } from "../../src/errors.ts";
import type { Model } from "../../src/model.ts";
import type { Ort, Tensors } from "../../src/ort/session.ts";
import { batches, checkBatchSize } from "./batches.ts";
import type { Dataset } from "./data-set.ts";
import { type DatasetOptions, openDataset } from "./data-sets.ts";
import type { DataFrom } from "./open-files.ts";
import type { Batches } from "./trainer.ts";

/**
 * Examples to train or evaluate on: files by path (Node), bytes or Blob, or an opened dataset. Or
 * batches that can be read more than once, or a function that gives those of an epoch.
 */
export type FitData =
  | DataFrom
  | readonly DataFrom[]
  | Dataset
  | Batches
  | ((epoch: number) => Batches);

/** Where a training takes its batches from. */
export interface BatchSource {
  /** The name that errors use. */
  readonly name: string;
  /** The examples, if they are known before they are read. */
  readonly dataset: Dataset | null;
  /** Steps of an epoch; null if they are not known. */
  readonly steps: number | null;
  /** The batches of an epoch, or in their order if no epoch is given. */
  batches(epoch?: number): Batches;
  /** One batch like the others. */
  first(): Promise<Tensors>;
  /** Closes files that were opened for it. */
  close(): void;
}

interface Batching {
  readonly ort: Ort;
  readonly batchSize: number;
  /** Seed of the order of examples; null to keep theirs. */
  readonly shuffle: number | null;
}

/** Examples in a step if neither the caller nor the model gives a number. */
export const BATCH_SIZE = 32;

/** Opens data as a dataset, which `close` closes unless the caller opened it; null for batches. */
export async function datasetOf(
  data: FitData,
  model: Model,
  options: DatasetOptions,
): Promise<(Pick<BatchSource, "close"> & { readonly dataset: Dataset }) | null> {
  if (isDataset(data)) return { dataset: data, close: () => {} };
  if (!isFiles(data)) return null;
  const dataset = await openDataset(data, model, options);
  return { dataset, close: () => dataset.close() };
}

const isFile = (data: unknown): data is DataFrom =>
  typeof data === "string" || data instanceof Uint8Array || data instanceof Blob;

const isFiles = (data: FitData): data is DataFrom | readonly DataFrom[] =>
  isFile(data) || (Array.isArray(data) && data.every(isFile));

const isDataset = (data: FitData): data is Dataset =>
  typeof data === "object" && data !== null && "columns" in data && "rows" in data;

/** Cuts a dataset into batches. Throws an InputError if it cannot be cut so. */
export function batchesOfDataset(
  dataset: Dataset,
  { ort, batchSize, shuffle }: Batching,
): Omit<BatchSource, "close"> {
  const { name, rows, batchSize: fixed } = dataset;
  const size = fixed === null ? Math.min(batchSize, rows) : batchSize;
  checkBatchSize(dataset, size);
  const cut = { ort, batchSize: size };
  return {
    name,
    dataset,
    steps: fixed === null ? Math.ceil(rows / size) : Math.max(1, Math.floor(rows / size)),
    batches: (epoch) =>
      epoch === undefined || shuffle === null
        ? batches(dataset, cut)
        : batches(dataset, { ...cut, shuffle, epoch }),
    first: async () => {
      const [first] = batches(dataset, cut);
      return first;
    },
  };
}

/** Takes batches as they come. Throws an InputError if they can be read only once. */
export function batchesAsGiven(data: FitData, name: string): BatchSource {
  const batches = (epoch = 0) => {
    const given: unknown = typeof data === "function" ? data(epoch) : data;
    beginningOf(given);
    return given as Iterable<Tensors>;
  };
  if (typeof data !== "function" && beginningOf(data).call(data) === data)
    throw new InputError(
      `${name} can be read only once; give an array of batches, or a function that returns the batches of an epoch.`,
    );
  return {
    name,
    dataset: null,
    steps: Array.isArray(data) ? data.length : null,
    batches,
    first: async () => {
      for await (const batch of batches(1)) return batch;
      throw new InputError(`${name} has no batches; give at least one.`);
    },
    close: () => {},
  };
}

/** Returns what begins an iteration; an iterable that can be read only once returns itself there. */
function beginningOf(data: unknown): () => unknown {
  const iterable = (data ?? {}) as Partial<AsyncIterable<unknown> & Iterable<unknown>>;
  const begin = iterable[Symbol.asyncIterator] ?? iterable[Symbol.iterator];
  if (begin) return begin;
  throw new TypeError(
    "fit takes data as .npz files, a dataset, batches, or a function that returns batches.",
  );
}
