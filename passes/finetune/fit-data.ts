import { imageClasses } from "#node-images";
import { entry } from "../../src/entry.ts";
import { sinceOf } from "../../src/graph/operators.ts";
import type { Model } from "../../src/model.ts";
import { valuesOf } from "../../src/option-values.ts";
import { dashed, pickOptions } from "../../src/options.ts";
import { type ChosenLoss, skipsNaN } from "../losses/loss.ts";
import {
  BATCH_SIZE,
  type BatchSource,
  batchesAsGiven,
  batchesOfDataset,
  datasetOf,
  type FitData,
} from "./batch-source.ts";
import type { DatasetOptions, Target } from "./data-sets.ts";
import { running } from "./finetune-options.ts";
import type { FitOptions, FitValues } from "./fit-options.ts";
import { isTable } from "./open-files.ts";
import { reading } from "./reading-options.ts";
import { type TermsOf, trainedTerms } from "./terms.ts";

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

/** Opens the data of a training. Throws an InputError if it does not fit the model. */
export async function openSources(
  model: Model,
  options: FitOptions,
  { shuffle, seed, batchSize: wanted }: FitValues,
): Promise<FitSources> {
  const { ort } = options;
  const opening = { ort, targets: arraysOf(model, options), ...pickOptions(options, reading) };
  let batchSize = wanted;
  let classNames: DatasetOptions["classNames"];
  const source = async (data: FitData, name: string, order: number | null) => {
    const opened = await datasetOf(data, model, { ...opening, classNames });
    if (!opened) return batchesAsGiven(data, name);
    classNames ??= opened.dataset.classes;
    batchSize ??= opened.dataset.batchSize ?? BATCH_SIZE;
    return { ...opened, ...batchesOfDataset(opened.dataset, { ort, batchSize, shuffle: order }) };
  };
  const batches = await source(options.data, "the data", shuffle ? seed : null);
  const { accumulate } = valuesOf(running, { ...options });
  const train = {
    ...batches,
    steps: batches.steps === null ? null : Math.ceil(batches.steps / accumulate),
  };
  try {
    const held =
      options.eval === undefined ? null : await source(options.eval, "the evaluation data", null);
    const close = () => {
      train.close();
      held?.close();
    };
    const notes = [...idleReading(options, batches.dataset !== null), ...notesOf(train, held)];
    return { train, eval: held, batchSize, notes, close };
  } catch (error) {
    train.close();
    throw error;
  }
}

/** Losses whose target may be the labels of a folder of images. */
const OF_LABELS: ReadonlySet<string> = new Set([
  "cross-entropy",
  "focal",
  "binary-cross-entropy",
  "binary-focal",
  "triplet",
]);

/** Returns the options with a name for the labels of a folder of images, which has none. */
export function withTarget(options: FitOptions): FitOptions {
  const { data, target, loss } = options;
  const isUnnamed = target === undefined && OF_LABELS.has(String(loss));
  const places = typeof data === "string" ? [data] : Array.isArray(data) ? data : [];
  const isFolder = (place: unknown) => typeof place === "string" && imageClasses(place) !== null;
  return isUnnamed && places.some(isFolder) ? { ...options, target: "labels" } : options;
}

/**
 * Returns the arrays that are read beside the model's inputs. These are the targets, in which a NaN
 * may be a value that does not count, what options of a loss name, and further inputs of a teacher.
 */
export function arraysOf(
  model: Model,
  options: TermsOf & { readonly teacher?: Model | undefined },
): Target[] {
  const sees = model.file.opset >= sinceOf("IsNaN");
  const targets = new Map<string, Target>();
  for (const { chosen, target, arrays } of trainedTerms(options)) {
    if (target !== null && !chosen.loss.distils)
      targets.set(target, { name: target, ...readAs(chosen, sees) });
    for (const [option, name] of Object.entries(arrays))
      entry(targets, name, () => ({ name, use: `what --${dashed(option)} names` }));
  }
  const own = new Set(model.graph.main.inputs.map(({ name }) => name));
  for (const { name } of options.teacher?.graph.main.inputs ?? [])
    if (!own.has(name)) entry(targets, name, () => ({ name, use: "an input of the teacher" }));
  return [...targets.values()];
}

/** What a missing value of a target is to a loss, what fills it up, and whether its words are classes. */
function readAs(chosen: ChosenLoss, seesNaN: boolean): Partial<Target> {
  const { padding } = chosen.loss;
  if (!skipsNaN(chosen)) return { missing: chosen.options.ignoreIndex ?? false, padding };
  return { missing: seesNaN, words: chosen.reads !== "values" };
}

/** Why options of reading have no effect on batches. */
const AS_GIVEN = "the batches come as they are";

/** Options of reading that data of its form leaves without effect, a sentence each. */
function idleReading(options: FitOptions, isDataset: boolean): string[] {
  const files = [options.data, options.eval].flat().filter((file) => file !== undefined);
  const every = (is: (name: string) => boolean) =>
    files.every((file) => typeof file === "string" && is(file));
  const isNpz = every((name) => /\.npz$/i.test(name));
  const noFolder = (isNpz || every(isTable)) && "the data is not a folder of images";
  const idle: Readonly<Record<string, string | false>> = isDataset
    ? { columns: isNpz && "the data is not a table", resize: noFolder, imageSize: noFolder }
    : Object.fromEntries(
        [...Object.keys(reading), "batchSize", "shuffle"].map((name) => [name, AS_GIVEN]),
      );
  const isGiven = (value: unknown) =>
    typeof value === "object" ? Object.keys(value ?? {}).length > 0 : value !== undefined;
  return Object.entries(idle).flatMap(([name, why]) =>
    why && isGiven(options[name as keyof FitOptions]) ? [`${name} has no effect: ${why}.`] : [],
  );
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
