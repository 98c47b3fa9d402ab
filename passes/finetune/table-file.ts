import { sha256 } from "#node";
import { scratchWriter } from "#node-data";
import { InputError } from "../../src/errors.ts";
import { listed } from "../../src/figures.ts";
import { own } from "../../src/graph/own.ts";
import { encodeNumbers } from "../../src/graph/tensor.ts";
import { concat } from "../../src/onnx/bytes.ts";
import { elements } from "../../src/onnx/dtypes.ts";
import { bytesSource, type Source } from "../../src/onnx/source.ts";
import { type ArrayFile, arrayAtHand, arraysAtHand } from "./array-file.ts";
import type { Expected } from "./expected.ts";
import { cellNumbers, type LabelsOf, labelsOf } from "./table-cells.ts";
import { type ArrayColumns, assignedColumns, type ColumnsOf } from "./table-columns.ts";
import { type TableCell, type TableRows, tableRows } from "./table-rows.ts";

/** A table, and which of its columns go into which array. */
export interface OpenTable {
  readonly source: Source;
  readonly table: TableRows;
  readonly arrays: readonly ArrayColumns[];
  readonly notes: readonly string[];
}

type TargetLabels = ReadonlyMap<string, LabelsOf>;

/** Bytes of numbers that a byte of text makes at most. */
const GROWTH = 4;

/** Opens a .csv, .tsv or .jsonl. */
export async function openTable(
  source: Source,
  expected: readonly Expected[],
  columns: ColumnsOf,
): Promise<OpenTable> {
  const table = await tableRows(source);
  return { source, table, ...assignedColumns(source.name, table.columns, expected, columns) };
}

/**
 * Reads the targets of all tables of a dataset once: those that are words become the places of the
 * words in their order, which are the classes; `classNames` are those of the training data.
 */
export function labelsOfTables(
  tables: readonly OpenTable[],
  classNames: Readonly<Record<string, readonly string[]>>,
): TargetLabels {
  const targets = (tables[0]?.arrays ?? []).flatMap(({ expected }) =>
    expected.role === "target" && expected.dtype === null ? [expected] : [],
  );
  const cellsOf = (name: string) =>
    tables.flatMap(({ source, table, arrays }) =>
      arrays
        .filter(({ expected }) => expected.name === name)
        .map(({ places }) => ({ file: source.name, table, places })),
    );
  return new Map(
    targets.map((target) => [
      target.name,
      labelsOf(target, cellsOf(target.name), own(classNames, target.name) ?? null),
    ]),
  );
}

/**
 * Reads a table: rows of numbers, one column or several for each array. Numbers are kept in memory,
 * or in scratch files if they may take more than half of the bytes that are free.
 */
export function tableFile(
  { source, table, arrays, notes }: OpenTable,
  labels: TargetLabels,
  free: number | null,
): ArrayFile {
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
  const classes = [...labels].flatMap(([name, { names }]) => (names ? [{ name, names }] : []));
  return {
    ...arraysAtHand(
      source.name,
      finished.map(({ array }) => array),
    ),
    classes: Object.fromEntries(classes.map(({ name, names }) => [name, names])),
    notes: [
      ...notes,
      ...classes.map(
        ({ name, names }) =>
          `target ${name} of ${source.name} has ${names.length} classes, in the order of their names: ${listed(names)}.`,
      ),
      ...finished.flatMap(({ notes }) => notes),
    ],
    digest: () => sha256(source),
    close: () => {
      for (const each of [source, ...finished.map((array) => array.source)]) each.close?.();
    },
  };
}

/** Grows an array row by row; `finish` returns it, notes, and the source of its values. */
function growing(file: string, of: ArrayColumns, labels: LabelsOf | null, large: boolean) {
  const { expected, places, names } = of;
  const dtype = labels?.dtype ?? expected.dtype ?? "float";
  const chunks: Uint8Array[] = [];
  const writer = large ? (scratchWriter?.() ?? null) : null;
  let dims: readonly number[] | null = null;
  let pending: number[] = [];
  let uncounted = 0;
  const flush = () => {
    const bytes = encodeNumbers(dtype, pending);
    if (writer) writer.write(bytes);
    else chunks.push(bytes);
    pending = [];
  };
  const add = (cells: readonly TableCell[], row: number) => {
    const own = places.map((place) => cells[place]);
    const { values, shape } = cellNumbers(own, { file, row, names, dtype, expected }, labels);
    dims ??= shape;
    if (`${dims}` !== `${shape}`)
      throw new InputError(
        `row ${row} of ${file} (from 0) gives ${expected.name} the shape [${shape}], and the rows before [${dims}]; all must have the same.`,
      );
    for (const value of values) {
      pending.push(value);
      if (value === expected.missing) uncounted++;
    }
    if (pending.length >= FLUSH) flush();
  };
  const finish = (rows: number) => {
    flush();
    const source = writer ? writer.finish() : bytesSource(concat(chunks));
    const row = fitted(expected, dims ?? []);
    const array = { name: expected.name, dtype, dims: [rows, ...row] };
    const text = `${uncounted} of ${rows} labels of target ${expected.name} of ${file} do not count`;
    const notes = uncounted > 0 ? [`${text}: they are missing or ${expected.missing}.`] : [];
    return { array: arrayAtHand(array, source.read), notes, source };
  };
  return { add, finish, discard: () => writer?.discard() };
}

/** Numbers that are kept before they are encoded. */
const FLUSH = 1 << 16;

/** The shape of a row as the model has it, if it has as many numbers. */
function fitted({ shape }: Expected, dims: readonly number[]): readonly number[] {
  const row = shape?.slice(1) ?? null;
  if (!row?.every((dim) => typeof dim === "number")) return row?.length === 0 ? [] : dims;
  return elements(row as number[]) === elements(dims) ? (row as number[]) : dims;
}
