import { csvParser } from "#node-data";
import { InputError, tried } from "../../src/errors.ts";
import { concat } from "../../src/onnx/bytes.ts";
import type { Source } from "../../src/onnx/source.ts";

/** What a cell holds: text of a .csv, or a value of a .jsonl. */
export type TableCell = string | number | boolean | null | TableList;

interface TableList extends ReadonlyArray<TableCell> {
  /** As a .csv states it. */
  readonly text?: string;
}

/** Rows of a table, some at a time; a row holds its cells in the order of the columns. */
export interface TableRows {
  readonly columns: readonly string[];
  /** Reads all rows from the first; can be called again. */
  rows(): Generator<readonly TableCell[]>;
}

/** Bytes that are read at a time, and most bytes of a row. */
const [BLOCK, LONGEST] = [1 << 20, 1 << 24];
const DEEPEST = 64;
const NEWLINE = 0x0a;
const QUOTE = 0x22;

/** Opens a table by the ending of its name. Throws an InputError if it has no rows. */
export async function tableRows(source: Source): Promise<TableRows> {
  return /\.(jsonl|ndjson)$/i.test(source.name) ? jsonLines(source) : csv(source);
}

async function csv(source: Source): Promise<TableRows> {
  const parse = await csvParser();
  const { name } = source;
  const [first = ""] = pieces(source, true);
  const [line] = first.split("\n", 1);
  // The delimiter that the header has most often.
  const delimiter = [",", ";", "\t", "|"].reduce((a, b) =>
    line.split(b).length > line.split(a).length ? b : a,
  );
  const parsed = (text: string) => {
    try {
      return parse(text, delimiter);
    } catch (error) {
      const why = String((error as Error).message).replace(/[.;\s]+$/, "");
      throw new InputError(`${name} cannot be read as a table (${why}); write it as CSV again.`);
    }
  };
  const [columns = []] = parsed(line);
  checkColumns(name, columns);
  function* rows() {
    let isFirst = true;
    let row = 0;
    for (const text of pieces(source, true))
      for (const cells of parsed(text)) {
        if (isFirst) {
          isFirst = false;
          continue;
        }
        if (cells.length !== columns.length)
          throw new InputError(
            `row ${row} of ${name} (from 0) has ${cells.length} values, but its header has ${columns.length} columns; write it as CSV again.`,
          );
        const read = cells.map(listOf);
        checkDepth(name, row++, read);
        yield read;
      }
  }
  return { columns, rows };
}

const NUMBER = /^[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?$/i;

/** Returns the text of a cell; null for a list of a .jsonl. */
export const textOf = (cell: TableCell): string | null =>
  Array.isArray(cell) ? ((cell as TableList).text ?? null) : String(cell);

/** Reads a cell that is a list of numbers: [1, 2] as JSON, Python or NumPy write it, or 1 2. */
function listOf(cell: string): TableCell {
  const text = cell.trim();
  if (!/[\s[]/.test(text)) return cell;
  const inner = /^\[([^[\]]*)\]$/.exec(text)?.[1];
  const parts = (inner ?? text).split(/\s*,\s*|\s+/).filter((part) => part !== "");
  const isList = inner !== undefined || (parts.length > 1 && !text.includes(","));
  if (isList && parts.every((part) => NUMBER.test(part)))
    return Object.assign(parts.map(Number), { text: cell });
  const nested = text.startsWith("[[") ? tried(() => JSON.parse(text) as TableCell) : null;
  return nested ?? cell;
}

function checkColumns(name: string, columns: readonly string[]): void {
  const before = new Set<string>();
  const twice = columns.find((column) => before.size === before.add(column).size);
  if (twice !== undefined)
    throw new InputError(`${name} has two columns named ${twice}; give each column its own name.`);
  if (
    columns.length > 1 &&
    columns.every((column) => column !== "" && Number.isFinite(Number(column)))
  )
    throw new InputError(
      `${name} has no header: its first line holds numbers; write the names of the columns first.`,
    );
}

function jsonLines(source: Source): TableRows {
  const { name } = source;
  const records = function* (): Generator<Readonly<Record<string, TableCell>>> {
    let row = 0;
    for (const text of pieces(source, false))
      for (const line of text.split("\n")) {
        if (line.trim() === "") continue;
        const record = parsedLine(line);
        if (typeof record !== "object" || record === null || Array.isArray(record))
          throw new InputError(
            `row ${row} of ${name} (from 0) is not a JSON object; write one object a line, one line for each example.`,
          );
        checkDepth(name, row++, Object.values(record));
        yield record as Record<string, TableCell>;
      }
  };
  const [first] = records();
  const columns = Object.keys(first ?? {});
  function* rows() {
    for (const record of records()) yield columns.map((column) => record[column] ?? null);
  }
  return { columns, rows };
}

/** Throws an InputError if cells of a row hold lists in lists without end. */
function checkDepth(file: string, row: number, cells: readonly unknown[]): void {
  const isDeep = (cell: unknown, depth = 0): boolean =>
    typeof cell === "object" &&
    cell !== null &&
    (depth === DEEPEST || Object.values(cell).some((each) => isDeep(each, depth + 1)));
  if (cells.some((cell) => isDeep(cell)))
    throw new InputError(
      `row ${row} of ${file} (from 0) holds lists that are nested more than ${DEEPEST} deep; write arrays of numbers.`,
    );
}

/** Parses a line; NaN, which Python writes although JSON does not have it, counts as missing. */
const parsedLine = (line: string): unknown =>
  tried(() =>
    JSON.parse(
      line.replace(/"(?:[^"\\]|\\.)*"?|\bNaN\b/g, (part) => (part === "NaN" ? "null" : part)),
    ),
  );

/** A file's text in pieces that end with a line; with `quoted`, not with one inside quotes. */
function* pieces(source: Source, quoted: boolean): Generator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const decoded = (bytes: Uint8Array) => {
    try {
      return decoder.decode(bytes);
    } catch {
      throw new InputError(`${source.name} is not text in UTF-8; save it in UTF-8.`);
    }
  };
  let left: Uint8Array[] = [];
  let isInside = false;
  for (let at = 0; at < source.size; at += BLOCK) {
    if (left.length * BLOCK > LONGEST)
      throw new InputError(
        `${source.name} has a row of more than ${LONGEST >> 20} MB; write one example a line${quoted ? ", and close every quote" : ""}, or save arrays with numpy.savez.`,
      );
    const block = source.read(at, Math.min(source.size, at + BLOCK));
    const last = lastLine(block, quoted, isInside);
    const end = at + BLOCK >= source.size ? block.length : last.end;
    if (end > 0) {
      yield decoded(concat([...left, block.subarray(0, end)]));
      left = [];
    }
    left.push(block.slice(end));
    isInside = last.isInside;
  }
}

/** The end of the last line that is not part of a quoted value, and whether one is open behind it. */
function lastLine(bytes: Uint8Array, quoted: boolean, startsInside: boolean) {
  let end = 0;
  let isInside = startsInside;
  for (let k = 0; k < bytes.length; k++) {
    if (quoted && bytes[k] === QUOTE) isInside = !isInside;
    else if (bytes[k] === NEWLINE && !isInside) end = k + 1;
  }
  return { end, isInside };
}
