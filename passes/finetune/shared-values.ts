import { InputError } from "../../src/errors.ts";
import { type Column, chunks } from "./data-set-rows.ts";
import type { SampleSizes } from "./data-set-sizes.ts";

/** What a column's rows may change: the batch size, and what is noted. */
export interface Noting {
  readonly sizes: SampleSizes;
  readonly notes: Map<string, string>;
}

/**
 * Returns a column whose values are shared if they all agree where batches have no axis for them;
 * otherwise each example is a batch of its own. Throws an InputError if files share no value.
 */
export function sharedOrAlone(column: Column, { sizes, notes }: Noting): Column {
  const { name, axis, parts, isShared } = column;
  const key = `${name} shared`;
  if (isShared) {
    const other = parts.find((part) => !isEqual(part.read(0, 1), parts[0].read(0, 1)));
    if (other)
      throw new InputError(
        `${parts[0].file} and ${other.file} have different values of ${name}, each for all examples; train on one file after the other.`,
      );
    if (axis !== null)
      notes.set(
        key,
        `array ${name} of ${parts[0].file} has one row, which is taken for every example.`,
      );
    return { ...column, parts: [parts[0]] };
  }
  if (axis !== null) return column;
  if (agree(column)) {
    const [part] = parts;
    notes.set(
      key,
      `array ${name} of ${part.file} holds one value in every row, which is taken for whole batches.`,
    );
    return { ...column, isShared: true, parts: [{ ...part, rows: 1 }] };
  }
  sizes.alone(name);
  notes.set(
    key,
    `input ${name} takes one value for a whole batch, and array ${name} of ${parts[0].file} holds others in its rows: each row is a batch of its own (--batch-size 1).`,
  );
  return column;
}

/** Whether all rows of a column hold the same bytes. */
function agree({ parts, dims }: Column): boolean {
  const first = parts[0].read(0, 1).slice();
  return parts.every(({ stored, rows, read }) => {
    for (const { count, bytes } of chunks(stored, rows, dims, read)) {
      const width = bytes.length / count;
      for (let k = 0; k < count; k++)
        if (!isEqual(bytes.subarray(k * width, (k + 1) * width), first)) return false;
    }
    return true;
  });
}

const isEqual = (a: Uint8Array, b: Uint8Array) =>
  a.length === b.length && a.every((byte, k) => byte === b[k]);
