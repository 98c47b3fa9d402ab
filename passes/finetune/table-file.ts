import { sha256 } from "#node";
import { scratchWriter } from "#node-data";
import { InputError } from "../../src/errors.ts";
import type { StoredArray } from "../../src/formats/npz.ts";
import { widthOf } from "../../src/graph/numbers.ts";
import { own } from "../../src/graph/own.ts";
import { encodeNumbers } from "../../src/graph/tensor.ts";
import { elements } from "../../src/onnx/dtypes.ts";
import { bytesSource, type Source } from "../../src/onnx/source.ts";
import { type ArrayFile, arrayAtHand, arrayNamed } from "./array-file.ts";
import type { Expected } from "./expected.ts";
import { cellNumbers, type LabelsOf, labelsOf } from "./table-cells.ts";
import { type ArrayColumns, assignedColumns, type ColumnsOf } from "./table-columns.ts";
import { tableRows } from "./table-rows.ts";

/** How a table becomes arrays. */
interface TableReading {
  /** Bytes of memory that may be taken; null for no limit. */
  readonly free: number | null;
  /** Columns of arrays by name. */
  readonly columns: ColumnsOf;
  /** Names of the classes of the training data, by target. */
  readonly classNames: Readonly<Record<string, readonly string[]>>;
}

/** Bytes of numbers that a byte of text makes at most. */
const GROWTH = 4;

/**
 * Reads a .csv, .tsv or .jsonl: rows of numbers, one column or several for each array. Targets that
 * are words become the places of the words in their order, which are the classes. Numbers are kept in
 * memory, or in scratch files if they may take more than half of what is free.
 */
export async function tableFile(
  source: Source,
  expected: readonly Expected[],
  { free, columns: stated, classNames }: TableReading,
): Promise<ArrayFile> {
  const table = await tableRows(source);
  const { arrays, notes } = assignedColumns(source.name, table.columns, expected, stated);
  const labels = new Map<string, LabelsOf>();
  for (const { expected: array, places } of arrays)
    if (array.role === "target" && array.dtype === null)
      labels.set(
        array.name,
        labelsOf(source.name, table, places, own(classNames, array.name) ?? null),
      );
  const large = free !== null && source.size * GROWTH > free / 2;
  const growingArrays = arrays.map((array) =>
    growing(source.name, array, labels.get(array.expected.name) ?? null, large),
  );
  let rows = 0;
  try {
    for (const cells of table.rows()) {
      for (const growing of growingArrays) growing.add(cells, rows);
      rows++;
    }
  } catch (error) {
    for (const growing of growingArrays) growing.discard();
    throw error;
  }
  if (rows === 0) throw new InputError(`${source.name} has no rows; add some.`);
  const finished = growingArrays.map((growing) => growing.finish(rows));
  const stored = finished.map(({ array }) => array);
  const classes = [...labels].flatMap(([name, { names }]) => (names ? [[name, names]] : []));
  return {
    name: source.name,
    names: stored.map(({ name }) => name),
    array: (name) => arrayNamed(source.name, stored, name),
    source: null,
    classes: Object.fromEntries(classes),
    notes: [...notes, ...classNotes(source.name, labels)],
    digest: () => sha256(source),
    close: () => {
      for (const { close } of finished) close?.();
      source.close?.();
    },
  };
}

const classNotes = (file: string, labels: ReadonlyMap<string, LabelsOf>) =>
  [...labels].flatMap(([name, { names }]) =>
    names
      ? [
          `target ${name} of ${file} has ${names.length} classes, in the order of their names: ${names.slice(0, 10).join(", ")}${names.length > 10 ? ", …" : ""}.`,
        ]
      : [],
  );

/** An array that grows row by row. */
function growing(file: string, of: ArrayColumns, labels: LabelsOf | null, large: boolean) {
  const { expected, places, names } = of;
  const dtype = labels?.dtype ?? expected.dtype ?? "float";
  const chunks: Uint8Array[] = [];
  const writer = large ? (scratchWriter?.() ?? null) : null;
  let dims: readonly number[] | null = null;
  let pending: number[] = [];
  const flush = () => {
    const bytes = encodeNumbers(dtype, pending);
    if (writer) writer.write(bytes);
    else chunks.push(bytes);
    pending = [];
  };
  const add = (cells: readonly unknown[], row: number) => {
    const what = { file, row, names, dtype, missing: expected.missing ?? false };
    const { values, shape } = cellNumbers(
      places.map((place) => cells[place] as never),
      what,
      labels,
    );
    dims ??= shape;
    if (`${dims}` !== `${shape}`)
      throw new InputError(
        `row ${row} of ${file} (from 0) gives ${expected.name} the shape [${shape}], and the rows before [${dims}]; all must have the same.`,
      );
    for (const value of values) pending.push(value);
    if (pending.length >= FLUSH) flush();
  };
  const finish = (rows: number): { readonly array: StoredArray; readonly close?: () => void } => {
    flush();
    const source = writer ? writer.finish() : bytesSource(joined(chunks));
    const row = fitted(expected, dims ?? []);
    const array = { name: expected.name, dtype, dims: [rows, ...row] };
    const at = arrayAtHand(array, widthOf(dtype), (start, end) => source.read(start, end));
    return { array: at, ...(source.close ? { close: () => source.close!() } : {}) };
  };
  return { add, finish, discard: () => writer?.discard() };
}

/** Numbers that are kept before they are encoded. */
const FLUSH = 1 << 16;

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** The shape of a row as the model has it, if it has as many numbers. */
function fitted({ shape }: Expected, dims: readonly number[]): readonly number[] {
  const row = shape?.slice(1) ?? null;
  if (!row?.every((dim) => typeof dim === "number")) return row?.length === 0 ? [] : dims;
  return elements(row as number[]) === elements(dims) ? (row as number[]) : dims;
}
