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
  readonly role: "input" | "target";
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

/** Reads some bytes of an array's values, wherever they are. */
type ReadBytes = (start: number, end: number) => Uint8Array;

/** Reads values in memory. */
export const bytesInMemory =
  (bytes: Uint8Array): ReadBytes =>
  (start, end) =>
    bytes.subarray(start, end);

/** Reads values in a file, from a place on. */
export const bytesInFile =
  (source: Source, at: number): ReadBytes =>
  (start, end) =>
    source.read(at + start, at + end);

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

/**
 * Returns a column's rows in one file. Throws an InputError if a value is a NaN or is lost by a
 * cast, unless they are `checked`.
 */
export function rowPart(
  title: Title,
  array: StoredArray,
  bytes: ReadBytes,
  checked = false,
): RowPart {
  const { dims, dtype, size } = array;
  const { file, from: axis } = title;
  if (!checked) checkValues(title, array, bytes(0, size), 0);
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
function checkValues(title: Title, array: StoredArray, bytes: Uint8Array, done: number): void {
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
      `array ${name} of ${file} holds ${numbersOfBytes(stored, bytes)[lost]} in row ${rowOf(lost)} (from 0), and ${dtype}, which is expected, cannot represent it.`,
    );
}

/**
 * Yields an array's values block by block, whole values in each. Throws an InputError if one is a
 * NaN, or is lost by a cast.
 */
export function* checkedBlocks(title: Title, array: StoredArray): Generator<Uint8Array> {
  const width = widthOf(array.dtype);
  let done = 0;
  let left = new Uint8Array();
  for (const block of array.blocks()) {
    const joined = left.length === 0 ? block : new Uint8Array([...left, ...block]);
    const end = joined.length - (joined.length % width);
    const values = joined.subarray(0, end);
    left = joined.slice(end);
    checkValues(title, array, values, done);
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
  for (const { stored, rows, read, file } of parts)
    for (const { from, bytes } of chunks(stored, rows, dims, read)) {
      const values = numbersOfBytes(stored, bytes);
      for (let k = 0; k < values.length; k++)
        if (so(Number(values[k])))
          return {
            value: Number(values[k]),
            row: from + Math.floor(k / elements(dims)),
            file,
          };
    }
  return null;
}

/** Yields rows of a part, some at a time, from the first. */
export function* chunks(
  stored: string,
  rows: number,
  dims: readonly number[],
  read: RowPart["read"],
): Generator<{ readonly from: number; readonly count: number; readonly bytes: Uint8Array }> {
  const width = Math.max(1, elements(dims) * widthOf(stored));
  const step = Math.max(1, Math.floor(CHUNK / width));
  for (let from = 0; from < rows; from += step) {
    const to = Math.min(rows, from + step);
    yield { from, count: to - from, bytes: read(from, to) };
  }
}
