import { InputError } from "../../src/errors.ts";
import type { Model } from "../../src/model.ts";
import { elements } from "../../src/onnx/dtypes.ts";
import { BALANCED } from "../losses/class-weights.ts";
import type { BatchSource } from "./batch-source.ts";
import type { Dataset } from "./data-set.ts";
import { firstWhere } from "./data-set-rows.ts";
import type { FinetuneOptions } from "./finetune-options.ts";
import type { Reading } from "./target-reading.ts";
import { type TrainedTerm, trainedTerms } from "./terms.ts";
import { Trainer } from "./trainer.ts";

/**
 * Returns a training's options with numbers in place of balanced class weights: n / (k · count), as
 * in scikit-learn. n are the labels of the training data that count, k the classes that occur. A
 * class that does not occur weighs 1. Throws an InputError if a loss has no labels to count.
 */
export async function withBalancedWeights(
  model: Model,
  options: FinetuneOptions,
  train: BatchSource,
): Promise<FinetuneOptions> {
  const isAsked = ({ chosen }: TrainedTerm) => chosen.options.classWeights === BALANCED;
  const terms = trainedTerms(options);
  const isAskedOf = [options, ...(options.losses ?? [])].some(
    ({ lossOptions }) => lossOptions?.classWeights === BALANCED,
  );
  if (!isAskedOf) return options;
  if (!terms.some(isAsked))
    throw new InputError(
      `--class-weights balanced weighs the labels of cross-entropy, and the loss is ${terms.map(({ chosen }) => chosen.loss.name).join(", ")}; leave it out.`,
    );
  const { dataset } = train;
  if (!dataset)
    throw new InputError(
      "--class-weights balanced counts the labels of data in files; give the weights as numbers.",
    );
  const plain = new Trainer(
    model,
    replaced(options, () => undefined),
  );
  const plan = await plain.plan(await train.first()).finally(() => plain.close());
  return replaced(options, (k) =>
    isAsked(terms[k]) ? weightsOf(dataset, terms[k], plan.terms[k].reading) : undefined,
  );
}

/** The options with other class weights for each loss. */
function replaced(
  { lossOptions, losses, ...options }: FinetuneOptions,
  weights: (k: number) => readonly number[] | undefined,
): FinetuneOptions {
  const own = (given: FinetuneOptions["lossOptions"], k: number) => {
    const { classWeights, ...others } = given ?? {};
    const stated = classWeights === BALANCED ? weights(k) : classWeights;
    return stated === undefined ? others : { ...others, classWeights: stated };
  };
  if (!losses) return { ...options, lossOptions: own(lossOptions, 0) };
  const balanced = losses.map((loss, k) => ({
    ...loss,
    lossOptions: own({ ...lossOptions, ...loss.lossOptions }, k),
  }));
  return { ...options, losses: balanced };
}

function weightsOf(dataset: Dataset, { chosen, target }: TrainedTerm, reading: Reading): number[] {
  const { form, classes, shift } = reading;
  const column = dataset.columns.find(({ name }) => name === target);
  if (!column || (form !== "labels" && form !== "one-hot"))
    throw new InputError(
      `--class-weights balanced counts class labels, and target ${target} of ${dataset.name} holds shares of classes; give the weights as numbers.`,
    );
  const counts = new Array<number>(classes!).fill(0);
  const width = elements(column.dims);
  const inner = elements(column.dims.slice(reading.axis!));
  let at = 0;
  firstWhere(column, (value) => {
    const place = at++ % width;
    const isLabel = form === "labels" && value !== chosen.options.ignoreIndex;
    if (isLabel && place >= shift && value in counts) counts[value]++;
    if (form === "one-hot" && value === 1) counts[Math.floor(place / inner) % classes!]++;
    return false;
  });
  const total = counts.reduce((sum, count) => sum + count, 0);
  const present = counts.filter((count) => count > 0).length;
  return counts.map((count) => (count > 0 ? total / (present * count) : 1));
}
