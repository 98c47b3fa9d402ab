import {
  checkLabels,
  checkOneHot,
  checkShares,
  type Dataset,
  InputError,
  type LossPlan,
  type Tied,
} from "../src/index.ts";
import type { FinetuneArguments } from "./finetune-arguments.ts";

/** The loss options that the command line names. Throws an InputError if two contradict each other. */
export function lossOptionsOf(args: FinetuneArguments) {
  if (args.logits && args.probabilities)
    throw new InputError("--logits and --probabilities contradict each other; give one of them.");
  return {
    classAxis: args.classAxis ?? null,
    ignoreIndex: args.ignoreIndex,
    shift: args.shift ?? null,
    values: args.logits
      ? ("logits" as const)
      : args.probabilities
        ? ("probabilities" as const)
        : null,
    temperature: args.temperature,
    distil: args.distil,
  };
}

/** Losses whose targets, if they are no labels, are probabilities. */
const SHARES = new Set(["cross-entropy", "binary-cross-entropy"]);

/** Throws an InputError if a target in the data is not what the loss reads it as. */
export function checkTarget(
  dataset: Dataset,
  args: FinetuneArguments,
  { reading }: LossPlan,
): void {
  const column = dataset.columns.find(({ name }) => name === args.target);
  if (!column || args.loss === "distillation") return;
  const { form, classes, axis } = reading;
  if (form === "labels") checkLabels(dataset, column.name, classes!, args.ignoreIndex);
  else if (form === "one-hot") checkOneHot(dataset, column.name, axis!);
  else if (SHARES.has(args.loss)) checkShares(dataset, column.name);
}

/** What is taken otherwise than it stands in the data: a sentence each. */
export function targetNotes(
  dataset: Dataset,
  { target, loss }: FinetuneArguments,
  { reading }: LossPlan,
): string[] {
  const column = dataset.columns.find(({ name }) => name === target);
  if (!column || loss === "distillation") return [];
  const isInteger = /int|bool/.test(column.dtype);
  const title = `target ${column.name} of ${dataset.name}`;
  if (reading.form === "labels" && !isInteger)
    return [`${title} is ${column.dtype} and holds whole numbers: they are taken as class labels.`];
  if (reading.form === "one-hot") return [`${title} is one-hot: its ones are taken as labels.`];
  if (reading.form === "values" && isInteger)
    return [`${title} is ${column.dtype} and is taken as floats.`];
  return [];
}

/** What to know of a weight that the exporter copied. */
export function tiedWarning({ weight, copy, transposed, isTrained }: Tied): string {
  const same = `${weight} and ${copy} hold the same numbers${transposed ? ", transposed" : ""}: the exporter copied a tied weight`;
  return isTrained
    ? `${same}, and each is trained on its own from here.`
    : `${same}, and --train names the first alone; add --train '${copy}' if both are to learn.`;
}
