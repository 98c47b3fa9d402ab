import { InputError } from "../../src/errors.ts";
import { numbersOfBytes } from "../../src/graph/numbers.ts";
import { elements } from "../../src/onnx/dtypes.ts";
import { type Column, chunks, firstWhere } from "./data-set-rows.ts";
import { type IsLabel, labelAdvice, NOT_ONE_HOT, oneHotFault } from "./labels.ts";

/** What the labels of a target must be. */
interface Labels {
  readonly isLabel: IsLabel;
  readonly classes: number;
  /** A label that counts for none. */
  readonly ignore: number | null;
}

/** Throws an InputError if a target holds a number that is not a label, or none that counts. */
export function checkLabels(
  column: Column,
  dataset: string,
  { isLabel, classes, ignore }: Labels,
): void {
  let counting = 0;
  const wrong = firstWhere(column, (label) => {
    if (label === ignore) return false;
    counting++;
    return !isLabel(label, classes);
  });
  if (wrong) throw new InputError(`${titleOf(column, wrong)}${labelAdvice(wrong.value, classes)}`);
  if (counting === 0)
    throw new InputError(
      `target ${column.name} of ${dataset} is ${ignore} in every row, the label to ignore.`,
    );
}

/** Throws an InputError if integers of a target are not a single 1 among zeros along an axis. */
export function checkOneHot({ name, dims, parts }: Column, axis: number): void {
  for (const { file, stored, rows, read } of parts)
    for (const { from, count, bytes } of chunks(stored, rows, dims, read)) {
      const row = oneHotFault(numbersOfBytes(stored, bytes), [count, ...dims], axis);
      if (row !== null)
        throw new InputError(
          `target ${name} of ${file}, row ${from + row} (from 0), ${NOT_ONE_HOT}`,
        );
    }
}

/** Throws an InputError if a target that counts is not from 0 to 1; `ignore` does not count. */
export function checkShares(column: Column, ignore: number | null): void {
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
export function missingValues(
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
