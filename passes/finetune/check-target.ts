import type { Tensor } from "onnxruntime-common";
import { InputError } from "../../src/errors.ts";
import { numbersOfBytes } from "../../src/graph/tensor.ts";
import { elements, isWhole } from "../../src/onnx/dtypes.ts";
import type { Tensors } from "../../src/ort/session.ts";
import { bytesOfTensor, dtypeOf } from "../../src/ort/tensors.ts";
import { type ChosenLoss, skipsNaN } from "../losses/loss.ts";
import type { Dataset } from "./data-set.ts";
import { type Column, chunks, firstWhere } from "./data-set-rows.ts";
import type { TermPlan } from "./finetune-options.ts";
import { rowOfOtherSum } from "./sums-of-one.ts";
import type { Reading } from "./target-reading.ts";
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
      `target ${column.name} of ${dataset.name} has no value that counts: all are NaN${orNumber(ignore)}; check the data.`,
    );
}

const orNumber = (ignore: number | null) => (ignore === null ? "" : ` or ${ignore}`);

/** Returns what is read differently from how the data holds it, a sentence each. */
export function targetNotes(dataset: Dataset, term: TrainedTerm, { reading }: TermPlan): string[] {
  const column = columnOf(dataset, term);
  if (!column || reading.form === "own") return [];
  const { chosen } = term;
  const title = `target ${column.name} of ${dataset.name}`;
  if (reading.form === "labels" && !isWhole(column.dtype))
    return [`${title} is ${column.dtype} and holds integers, which are taken as class labels.`];
  if (reading.form === "one-hot") return [`${title} is one-hot: its ones are taken as labels.`];
  const { ignoreIndex } = chosen.options;
  const [missing, all] = skipsNaN(chosen)
    ? missingValues(column, dataset.rows, ignoreIndex)
    : [0, 0];
  return [
    ...(reading.form === "values" && isWhole(column.dtype)
      ? [`${title} is ${column.dtype} and is taken as floats.`]
      : []),
    ...(missing > 0
      ? [
          `${missing} of ${all} values of ${title} do not count: they are NaN${orNumber(ignoreIndex)}.`,
        ]
      : []),
  ];
}

/** Warns if labels are an input of the model, so that each position is trained on itself. */
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

interface Labels {
  /** Whether a number may be in the target. */
  readonly isLabel: (label: number, classes: number) => boolean;
  readonly classes: number;
  /** A label that counts for none. */
  readonly ignore: number | null;
}

/** Whether a number is a class, from 0. */
export const isClass: Labels["isLabel"] = (label, classes) =>
  label >= 0 && label < classes && Number.isInteger(label);

/** Returns a batch's target as a column. */
export function columnOfBatch(name: string, tensor: Tensor): Column {
  const [rows = 1, ...dims] = tensor.dims;
  const [bytes, dtype] = [bytesOfTensor(tensor), dtypeOf(tensor)];
  const width = bytes.length / (rows || 1);
  const read = (from: number, to: number) => bytes.subarray(from * width, to * width);
  const parts = [{ file: "a batch", rows, stored: dtype, read }];
  return { name, dtype, dims, parts };
}

/**
 * Throws an InputError if a target of classes does not hold what its loss reads it as: labels, or a
 * single 1 among integers. `dataset` is null for one batch, in which no label need count.
 */
export function checkClasses(
  column: Column,
  dataset: string | null,
  { loss, options }: ChosenLoss,
  { form, classes, axis }: Reading,
): void {
  if (form === "one-hot") checkOneHot(column, axis!);
  const isLabel = form === "labels" ? isClass : loss.isLabel;
  const ignore = form === "labels" ? options.ignoreIndex : null;
  if (isLabel && classes !== null) checkLabels(column, dataset, { isLabel, classes, ignore });
}

/** Throws an InputError if a target holds a number that is not a label, or none that counts. */
export function checkLabels(
  column: Column,
  dataset: string | null,
  { isLabel, classes, ignore }: Labels,
): void {
  let counting = 0;
  const wrong = firstWhere(column, (label) => {
    if (label === ignore) return false;
    counting++;
    return !isLabel(label, classes);
  });
  if (wrong) throw new InputError(`${titleOf(column, wrong)}${labelAdvice(wrong.value, classes)}`);
  if (counting === 0 && dataset !== null)
    throw new InputError(
      `target ${column.name} of ${dataset} is ${ignore} in every row, the label to ignore; check the labels, or change --ignore-index.`,
    );
}

/** Returns what to do about a label that is not a class: the end of a sentence. */
const labelAdvice = (label: number, classes: number): string =>
  classes === 1
    ? ", and the model gives one number for each example; use --loss binary-cross-entropy if it is the logit of yes and no, or give the model a last layer of more classes with --new-head."
    : Number.isInteger(label)
      ? `, and the model's ${classes} classes are 0 to ${classes - 1}; ${
          label < 0
            ? `pass --ignore-index ${label} if such rows are not to count, or number the labels so`
            : `number the labels so, or give the model a last layer of more classes with --new-head`
        }.`
      : "; class labels are integers, and soft targets have the output's shape.";

/** Throws an InputError if integers of a target are not a single 1 among zeros along an axis. */
function checkOneHot({ name, dims, parts }: Column, axis: number): void {
  const shareOf = (value: number) => (value === 0 || value === 1 ? value : Number.NaN);
  for (const part of parts)
    for (const { from, count, bytes } of chunks(part, dims)) {
      const numbers = numbersOfBytes(part.stored, bytes);
      const row = rowOfOtherSum(numbers, [count, ...dims], axis, shareOf);
      if (row !== null)
        throw new InputError(
          `target ${name} of ${part.file}, row ${from + row} (from 0), holds integers of the output's shape that are not a single 1 among zeros; give class numbers, floats that are the share of each class, or --loss binary-cross-entropy if several classes hold at once.`,
        );
    }
}

/** Throws an InputError if a target that counts is not from 0 to 1; `ignore` does not count. */
function checkShares(column: Column, ignore: number | null): void {
  const counts = (value: number) => value !== ignore && !Number.isNaN(value);
  const wrong = firstWhere(column, (value) => counts(value) && !(value >= 0 && value <= 1));
  if (wrong)
    throw new InputError(`${titleOf(column, wrong)}, but such targets must be from 0 to 1.`);
}

/** "target y of train.npz is 7 in row 3 (from 0)". */
const titleOf = (
  { name }: Column,
  { file, value, row }: NonNullable<ReturnType<typeof firstWhere>>,
) => `target ${name} of ${file} is ${value} in row ${row} (from 0)`;

/** Returns the number of a target's values that are NaN or `ignore`, and of all. */
function missingValues(
  column: Column,
  rows: number,
  ignore: number | null,
): readonly [missing: number, all: number] {
  let missing = 0;
  firstWhere(column, (value) => {
    if (value === ignore || Number.isNaN(value)) missing++;
    return false;
  });
  return [missing, rows * elements(column.dims)];
}
