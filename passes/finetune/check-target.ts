import { InputError } from "../../src/errors.ts";
import type { Tensors } from "../../src/ort/session.ts";
import { skipsNaN } from "../losses/loss.ts";
import { checkClasses, checkShares, missingValues } from "./check-column.ts";
import type { Dataset } from "./data-set.ts";
import type { TermPlan } from "./finetune-options.ts";
import type { TrainedTerm } from "./terms.ts";

const columnOf = (dataset: Dataset, { chosen, target }: TrainedTerm) =>
  chosen.loss.distils ? undefined : dataset.columns.find(({ name }) => name === target);

/** Throws an InputError if a target in the data is not what its loss reads it as. */
export function checkTarget(dataset: Dataset, term: TrainedTerm, { reading }: TermPlan): void {
  const column = columnOf(dataset, term);
  if (!column) return;
  const { reads, options } = term.chosen;
  const { ignoreIndex: ignore } = options;
  checkClasses(column, dataset.name, term.chosen, reading);
  const isShares = reading.form === "shares" || reading.form === "values";
  if (isShares && reads !== "values") checkShares(column, ignore);
  if (!skipsNaN(term.chosen)) return;
  const [missing, all] = missingValues(column, dataset.rows, ignore);
  if (missing === all)
    throw new InputError(
      `target ${column.name} of ${dataset.name} has no value that counts: all are NaN${orNumber(ignore)}.`,
    );
}

const orNumber = (ignore: number | null) => (ignore === null ? "" : ` or ${ignore}`);

/** Returns what is read in another way than the data holds it: a sentence each. */
export function targetNotes(dataset: Dataset, term: TrainedTerm, { reading }: TermPlan): string[] {
  const column = columnOf(dataset, term);
  if (!column || reading.form === "own") return [];
  const { chosen } = term;
  const isInteger = /int|bool/.test(column.dtype);
  const title = `target ${column.name} of ${dataset.name}`;
  if (reading.form === "labels" && !isInteger)
    return [`${title} is ${column.dtype} and holds whole numbers: they are taken as class labels.`];
  if (reading.form === "one-hot") return [`${title} is one-hot: its ones are taken as labels.`];
  const { ignoreIndex } = chosen.options;
  const [missing, all] = skipsNaN(chosen)
    ? missingValues(column, dataset.rows, ignoreIndex)
    : [0, 0];
  return [
    ...(reading.form === "values" && isInteger
      ? [`${title} is ${column.dtype} and is taken as floats.`]
      : []),
    ...(missing > 0
      ? [
          `${missing} of ${all} values of ${title} do not count: they are NaN${orNumber(ignoreIndex)}.`,
        ]
      : []),
  ];
}

/**
 * Warns if the labels that count are an input of the model, because each position is then trained on
 * itself: libraries that train language models move such labels ahead.
 */
export function copiedInput(
  batch: Tensors,
  { chosen, target }: TrainedTerm,
  { reading }: TermPlan,
): string | null {
  const labels = batch[target ?? ""];
  const { ignoreIndex, shift } = chosen.options;
  if (reading.form !== "labels" || reading.shift > 0 || shift !== null || labels?.dims.length !== 2)
    return null;
  const isCopy = ([name, { type, dims, data }]: [string, Tensors[string]]) =>
    name !== target &&
    type === labels.type &&
    `${dims}` === `${labels.dims}` &&
    Array.prototype.every.call(
      labels.data,
      (label, k) => Number(label) === ignoreIndex || label === data[k],
    );
  const [input] = Object.entries(batch).find(isCopy) ?? [];
  return input === undefined
    ? null
    : `target ${target} is input ${input} itself, so each position is trained on its own token; --shift 1 trains the next one.`;
}
