import { InputError } from "../../src/errors.ts";
import { listed } from "../../src/figures.ts";
import { isFloat } from "../../src/onnx/dtypes.ts";
import type { Expected } from "./expected.ts";
import { type TableCell, type TableRows, textOf } from "./table-rows.ts";

/** How the cells of a target are read: as numbers, or as names of classes. */
export interface LabelsOf {
  readonly dtype: string;
  /** The classes in the order of their labels; null if the cells are numbers. */
  readonly names: readonly string[] | null;
  /** The longest list, to which others are filled up; null if they are not. */
  readonly width?: number | null;
}

/** Where a cell is, and what it becomes. */
interface CellOf {
  readonly file: string;
  readonly row: number;
  readonly names: readonly string[];
  readonly dtype: string;
  readonly expected: Pick<Expected, "missing" | "padding">;
}

/** The cells of a target in one table. */
export interface TargetCells {
  readonly file: string;
  readonly table: TableRows;
  readonly places: readonly number[];
}

/** Classes that a target of words may have. */
const MOST = 10_000;

/**
 * Reads a target's cells once, in all tables. They are class names, sorted by their characters, if one
 * of them is not a number; otherwise numbers, whole ones as labels.
 */
export function labelsOf(
  { missing, padding, words: hasWords = true }: Expected,
  tables: readonly TargetCells[],
  known: readonly string[] | null,
): LabelsOf {
  const words = new Set<string>();
  let isWhole = true;
  let isWords = known !== null;
  let hasGaps = false;
  let longest: number | null = null;
  let isFlat = true;
  for (const cell of cellsOf(tables)) {
    for (const part of flat(cell)) {
      const number = numberOf(part);
      if (number === null && !isMissing(part)) isWords ||= hasWords;
      if (number !== null) isWhole &&= Number.isInteger(number);
      if (isMissing(part)) hasGaps = true;
    }
    if (Array.isArray(cell)) {
      longest = Math.max(longest ?? 1, cell.length);
      isFlat &&= !cell.some(Array.isArray);
    }
    if (isEmpty(cell)) continue;
    const text = textOf(cell);
    for (const word of text === null ? flat(cell) : [text])
      if (words.size <= MOST) words.add(String(word));
  }
  // Only floats have a NaN.
  const isLabels = !hasGaps || missing !== true;
  const dtype = isLabels && (isWhole || isWords) ? "int64" : "float";
  if (known) return { dtype, names: known };
  const [{ file, places }] = tables;
  const isPadded = padding !== undefined && isFlat && places.length === 1;
  if (!isWords) return { dtype, names: null, width: isPadded ? longest : null };
  if (places.length > 1)
    throw new InputError(
      `a target of ${file} is in ${places.length} columns and holds words; give one column of class names.`,
    );
  if (words.size > MOST)
    throw new InputError(
      `the target of ${file} contains more than ${MOST} different words, too many for classes; give numbers.`,
    );
  return { dtype, names: [...words].sort() };
}

function* cellsOf(tables: readonly TargetCells[]): Generator<TableCell> {
  for (const { table, places } of tables)
    for (const cells of table.rows()) for (const place of places) yield cells[place];
}

/** Returns the numbers of a row's cells, and their shape. Throws an InputError for other cells. */
export function cellNumbers(
  cells: readonly TableCell[],
  of: CellOf,
  labels: LabelsOf | null,
): { readonly values: readonly number[]; readonly shape: readonly number[] } {
  if (labels?.names) return { values: [classOf(cells[0], labels.names, of)], shape: [] };
  if (labels?.width != null) return filledUp(cells[0], labels.width, of);
  const values = cells.flatMap((cell, k) =>
    flat(cell).map((value) => checkedNumber(value, of, of.names[k])),
  );
  const inner = Array.isArray(cells[0]) ? shapeOf(cells[0], of) : [];
  const shape = cells.length > 1 ? [cells.length, ...inner] : inner;
  if (shape.reduce((n, dim) => n * dim, 1) !== values.length)
    throw new InputError(
      `row ${of.row} of ${of.file} (from 0) has lists of different lengths in ${of.names.join(", ")}; all must have the same.`,
    );
  return { values, shape };
}

/** The numbers of a list, and behind them what fills it up; an empty cell is an empty list. */
function filledUp(cell: TableCell, width: number, of: CellOf) {
  const own = isEmpty(cell) ? [] : flat(cell);
  const values = own.map((value) => checkedNumber(value, of, of.names[0]));
  while (values.length < width) values.push(of.expected.padding!);
  return { values, shape: [width] };
}

const flat = (cell: TableCell): readonly TableCell[] =>
  Array.isArray(cell) ? cell.flatMap(flat) : [cell];

function shapeOf(cell: TableCell, of: CellOf): number[] {
  if (!Array.isArray(cell)) return [];
  return [cell.length, ...(cell.length > 0 ? shapeOf(cell[0], of) : [])];
}

const isEmpty = (cell: TableCell) =>
  cell === null || (typeof cell === "string" && /^\s*(nan)?\s*$/i.test(cell));

/** Whether a cell among numbers has none. A class may have such a name. */
const isMissing = (cell: TableCell) =>
  isEmpty(cell) || (typeof cell === "string" && /^\s*(#?n\/?a|<na>|null|none)\s*$/i.test(cell));

/** A cell's number; null if it is not one. */
function numberOf(cell: TableCell): number | null {
  if (typeof cell === "boolean") return Number(cell);
  if (typeof cell === "number") return cell;
  if (typeof cell !== "string" || isEmpty(cell)) return null;
  const number = Number(cell);
  return Number.isFinite(number) ? number : null;
}

function checkedNumber(cell: TableCell, of: CellOf, name: string): number {
  const { file, row, dtype } = of;
  const place = `row ${row} of ${file} (from 0)`;
  if (isMissing(cell)) {
    const value = labelOfMissing(of);
    if (value !== null) return value;
    throw new InputError(
      `${place} has no value in column ${name}; leave out such rows, or fill them.`,
    );
  }
  const word = typeof cell === "string" ? cell.trim().toLowerCase() : "";
  const number = word === "true" ? 1 : word === "false" ? 0 : numberOf(cell);
  if (number === null) {
    const advice = /^[-+]?\d+,\d+$/.test(word)
      ? "write numbers with a decimal point"
      : "leave out the column with --columns, or convert it to numbers";
    throw new InputError(
      `${place} has ${JSON.stringify(cell)} in column ${name}, which is not a number; ${advice}.`,
    );
  }
  if (!isFloat(dtype) && !Number.isSafeInteger(number))
    throw new InputError(`${place} has ${number} in column ${name}, and ${dtype} is expected.`);
  return number;
}

/** What a missing value of a target becomes; null if it is refused. A float cannot be a label. */
const labelOfMissing = ({ expected: { missing }, dtype }: CellOf): number | null =>
  missing === true ? Number.NaN : typeof missing === "number" && !isFloat(dtype) ? missing : null;

function classOf(cell: TableCell, names: readonly string[], of: CellOf): number {
  const place = `row ${of.row} of ${of.file} (from 0)`;
  const label = isEmpty(cell) ? labelOfMissing(of) : names.indexOf(textOf(cell) ?? String(cell));
  if (label === null)
    throw new InputError(`${place} has no class in column ${of.names[0]}; leave such rows out.`);
  if (label === -1 && !isEmpty(cell))
    throw new InputError(
      `${place} has the class ${textOf(cell) ?? String(cell)} in column ${of.names[0]}, which the training data does not have; it has ${listed(names)}.`,
    );
  return label;
}
