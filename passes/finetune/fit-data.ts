import type { Model } from "../../src/model.ts";
import { lossOf } from "../losses/index.ts";
import { skipsNaN } from "../losses/loss.ts";
import {
  type BatchSource,
  batchesAsGiven,
  batchesOfDataset,
  batchSizeOf,
  datasetOf,
  type FitData,
} from "./batch-source.ts";
import type { Target } from "./data-sets.ts";
import type { FitOptions, FitValues } from "./fit-options.ts";

/** Where a training takes its batches from, and those of its evaluation. */
export interface FitSources {
  readonly train: BatchSource;
  readonly eval: BatchSource | null;
  /** Examples in a step; null if batches come as they are. */
  readonly batchSize: number | null;
  /** What a user should know of the data, a sentence each. */
  readonly notes: readonly string[];
  /** Closes files that were opened for them. */
  close(): void;
}

/**
 * Opens the data of a training. Throws an InputError if data does not fit the model, or cannot be
 * cut into batches.
 */
export async function openSources(
  model: Model,
  options: FitOptions,
  { shuffle, seed, batchSize: wanted }: FitValues,
): Promise<FitSources> {
  const { ort } = options;
  const targets = targetsOf(model, options);
  let batchSize = wanted;
  const source = async (data: FitData, name: string, order: number | null) => {
    const opened = await datasetOf(data, model, targets);
    if (!opened) return batchesAsGiven(data, name);
    batchSize ??= batchSizeOf(opened.dataset, null);
    return batchesOfDataset(opened.dataset, { ort, batchSize, shuffle: order }, opened.isOwn);
  };
  const train = await source(options.data, "the data", shuffle ? seed : null);
  try {
    const held =
      options.eval === undefined ? null : await source(options.eval, "the evaluation data", null);
    const close = () => {
      train.close();
      held?.close();
    };
    return { train, eval: held, batchSize, notes: notesOf(train, held), close };
  } catch (error) {
    train.close();
    throw error;
  }
}

/** The first opset in which a graph can see that a value is NaN. */
const IS_NAN = 9;

/** The array that holds the targets; a NaN in it may be a value that does not count. */
export function targetsOf(
  { file }: Model,
  { target, loss, lossOptions }: Pick<FitOptions, "target" | "loss" | "lossOptions">,
): Target[] {
  if (target === undefined) return [];
  const sees = (file.opsets.get("") ?? IS_NAN) >= IS_NAN;
  return [{ name: target, missing: sees && skipsNaN(lossOf(loss, lossOptions)) }];
}

/** Conversions of the data, then rows that are left out. */
function notesOf(train: BatchSource, held: BatchSource | null): string[] {
  const datasets = [train, held].flatMap((source) => source?.dataset ?? []);
  return [
    ...datasets.flatMap(({ notes }) => notes),
    ...datasets.flatMap((dataset) => {
      const over = dataset.batchSize ? dataset.rows % dataset.batchSize : 0;
      if (over === 0) return [];
      const of = dataset === held?.dataset ? "" : "each epoch over ";
      return [
        `the last ${over} ${over === 1 ? "row" : "rows"} of ${of}${dataset.name} make no batch and are left out.`,
      ];
    }),
  ];
}
