import { InputError } from "../../src/errors.ts";
import type { StoredArray } from "../../src/formats/npz.ts";
import { firstNaN, numbersOfBytes, widthOf } from "../../src/graph/tensor.ts";
import { elements, isFloat } from "../../src/onnx/dtypes.ts";
import type { Source } from "../../src/onnx/source.ts";
import { conversionOf, firstLost } from "./conversion.ts";
import type { Pixels } from "./pixels.ts";

/** Rows of a column in one file. */
export interface RowPart {
  /** The name that errors use for the file. */
  readonly file: string;
  readonly rows: number;
  /** The type that values have in it. */
  readonly stored: string;
  /** Reads rows `from` to `to` (exclusive), little-endian; may be a view. */
  read(from: number, to: number): Uint8Array;
}

/** An array of a dataset: one row for each example, or one value for all of them. */
export interface Column {
  readonly name: string;
  /** The type that it has in batches. */
  readonly dtype: string;
  /** Shape of a row. */
  readonly dims: readonly number[];
  /** The axis of the examples in batches, 0 by default; null if batches have none. */
  readonly axis?: number | null | undefined;
  /** Whether its only row holds for all examples. */
  readonly isShared?: boolean | undefined;
  /** How stored rows become those of batches if they are images. */
  readonly pixels?: Pixels | undefined;
  /** Its rows, file after file. */
  readonly parts: readonly RowPart[];
}

/** The names that errors use for an array, and how it is read. */
export interface Title {
  readonly file: string;
  readonly name: string;
  /** Whether a NaN is a missing value. */
  readonly missing: boolean;
  /** The axis of the examples; null if one value holds for all of them. */
  readonly from: number | null;
  /** The type that values are taken as. */
  readonly dtype: string | null;
}

/** Returns a column's rows in one file; `bytes` reads a range of the array's values. */
export function rowPart(
  { file, from: axis }: Title,
  { dims, dtype, size }: StoredArray,
  bytes: Source["read"],
): RowPart {
  if (axis === null) return { file, rows: 1, stored: dtype, read: () => bytes(0, size) };
  const rows = dims[axis];
  const outer = elements(dims.slice(0, axis));
  const width = size / (rows * outer || 1);
  const read = (from: number, to: number) => {
    if (axis === 0) return bytes(from * width, to * width);
    const some = new Uint8Array((to - from) * outer * width);
    for (let row = from; row < to; row++)
      for (let k = 0; k < outer; k++) {
        const at = (k * rows + row) * width;
        some.set(bytes(at, at + width), ((row - from) * outer + k) * width);
      }
    return some;
  };
  return { file, rows, stored: dtype, read };
}

/** Throws an InputError if one of an array's values, from the `done`-th on, is a NaN or is lost. */
export function checkNumbers(title: Title, array: StoredArray, bytes: Uint8Array, done = 0): void {
  const { file, name, missing, from, dtype } = title;
  const { dims, dtype: stored } = array;
  const rowOf = (place: number) =>
    from === null ? 0 : Math.floor((done + place) / elements(dims.slice(from + 1))) % dims[from];
  const hole = isFloat(stored) && !missing ? firstNaN(stored, bytes) : null;
  if (hole !== null)
    throw new InputError(
      `array ${name} of ${file} has a NaN in row ${rowOf(hole)} (from 0); leave out such rows (numpy.isnan finds them).`,
    );
  if (dtype === null || conversionOf(stored, dtype) !== "cast") return;
  const lost = firstLost(bytes, stored, dtype);
  if (lost !== null)
    throw new InputError(
      `array ${name} of ${file} holds ${numbersOfBytes(stored, bytes)[lost]} in row ${rowOf(lost)} (from 0), and ${dtype}, which is expected, cannot represent it; correct the value.`,
    );
}

/** Yields an array's values block by block. Throws an InputError as `checkNumbers` does. */
export function* checkedBlocks(title: Title, array: StoredArray): Generator<Uint8Array> {
  const width = widthOf(array.dtype);
  let done = 0;
  let left = new Uint8Array();
  for (const block of array.blocks()) {
    const joined = left.length === 0 ? block : new Uint8Array([...left, ...block]);
    const end = joined.length - (joined.length % width);
    const values = joined.subarray(0, end);
    left = joined.slice(end);
    checkNumbers(title, array, values, done);
    done += values.length / width;
    yield values;
  }
}

/** Rows that are looked at together: about so many bytes. */
const CHUNK = 1 << 20;

/** Returns the first value that meets a condition, its file and its row there from 0, or null. */
export function firstWhere(
  { parts, dims }: Column,
  so: (value: number) => boolean,
): { readonly value: number; readonly row: number; readonly file: string } | null {
  for (const part of parts)
    for (const { from, bytes } of chunks(part, dims)) {
      const values = numbersOfBytes(part.stored, bytes);
      for (let k = 0; k < values.length; k++) {
        const value = Number(values[k]);
        if (so(value))
          return { value, row: from + Math.floor(k / elements(dims)), file: part.file };
      }
    }
  return null;
}

/** Yields the rows of a part, of this shape, some at a time, from the first. */
export function* chunks(
  { stored, rows, read }: RowPart,
  dims: readonly number[],
): Generator<{ readonly from: number; readonly count: number; readonly bytes: Uint8Array }> {
  const width = Math.max(1, elements(dims) * widthOf(stored));
  const step = Math.max(1, Math.floor(CHUNK / width));
  for (let from = 0; from < rows; from += step) {
    const to = Math.min(rows, from + step);
    yield { from, count: to - from, bytes: read(from, to) };
  }
}
