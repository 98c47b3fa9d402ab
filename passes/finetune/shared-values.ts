import { InputError } from "../../src/errors.ts";
import { equalBytes } from "../../src/onnx/bytes.ts";
import { type Column, chunks } from "./data-set-rows.ts";
import type { SampleSizes } from "./data-set-sizes.ts";

/** Notes a sentence that a user should read, unless one about the same was noted before. */
export type Note = (about: string, sentence: string) => void;

/**
 * Returns a column whose values are shared if they all agree where batches have no axis for them;
 * otherwise each example is a batch of its own. Throws an InputError if files share no value.
 */
export function sharedOrAlone(column: Column, sizes: SampleSizes, note: Note): Column {
  const { name, axis, parts, isShared } = column;
  const [first] = parts;
  const array = `array ${name} of ${first.file}`;
  const says = (sentence: string) => note(`${name} shared`, sentence);
  if (isShared) {
    const other = parts.find((part) => !equalBytes(part.read(0, 1), first.read(0, 1)));
    if (other)
      throw new InputError(
        `${first.file} and ${other.file} have different values of ${name}, each for all examples; train on one file after the other.`,
      );
    if (axis !== null) says(`${array} has one row, which is taken for every example.`);
    return { ...column, parts: [first] };
  }
  if (axis !== null) return column;
  if (agree(column)) {
    says(`${array} holds one value in every row, which is taken for whole batches.`);
    return { ...column, isShared: true, parts: [{ ...first, rows: 1 }] };
  }
  sizes.alone(name);
  says(
    `input ${name} takes one value for a whole batch, and ${array} holds others in its rows: each row is a batch of its own (--batch-size 1).`,
  );
  return column;
}

/** Whether all rows of a column hold the same bytes. */
function agree({ parts, dims }: Column): boolean {
  const first = parts[0].read(0, 1).slice();
  const isFirst = (byte: number, k: number) => byte === first[k % first.length];
  for (const part of parts)
    for (const { count, bytes } of chunks(part, dims))
      if (bytes.length !== count * first.length || !bytes.every(isFirst)) return false;
  return true;
}
