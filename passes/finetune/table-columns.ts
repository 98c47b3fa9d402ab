import { InputError } from "../../src/errors.ts";
import { listed } from "../../src/figures.ts";
import { own } from "../../src/graph/own.ts";
import { type Expected, unreadNote, useOf } from "./expected.ts";

/** The columns of a table that an array takes. */
export interface ArrayColumns {
  readonly expected: Expected;
  /** Their places in a row. */
  readonly places: readonly number[];
  readonly names: readonly string[];
}

/** The columns that inputs take by name; others take theirs, or all that nothing else takes. */
export type ColumnsOf = Readonly<Record<string, readonly string[]>>;

/**
 * Decides which columns of a table an array takes: those that are stated, its own by name, or for
 * one input all that are left. Also returns what a user should know of it, in sentences. Throws an
 * InputError if an array gets none.
 */
export function assignedColumns(
  file: string,
  columns: readonly string[],
  expected: readonly Expected[],
  stated: ColumnsOf,
) {
  const unknown = Object.keys(stated).find(
    (name) => !expected.some((array) => array.name === name),
  );
  if (unknown !== undefined)
    throw new InputError(
      `--columns names ${unknown}, which is neither an input nor a target; these are ${expected.map(({ name }) => name).join(", ")}.`,
    );
  if (columns.length === 0)
    throw new InputError(`${file} is empty; its first line must name the columns.`);
  const named = expected.map(
    ({ name }) => own(stated, name) ?? (columns.includes(name) ? [name] : null),
  );
  const assigned = new Set(named.flatMap((names) => names ?? []));
  // Row numbers, as pandas writes them, have no name.
  const left = columns.filter((column) => column !== "" && !assigned.has(column));
  const open = expected.filter(({ role }, k) => role === "input" && named[k] === null);
  const placesOf = new Map(columns.map((name, place) => [name, place]));
  const notes = columns.includes("") ? [`the column of ${file} without a name is left out.`] : [];
  const arrays = expected.map((array, k): ArrayColumns => {
    const names = named[k] ?? (array.role === "input" && open.length === 1 ? left : []);
    if (names.length === 0)
      throw new InputError(
        `${file} has no column ${array.name}, which is ${useOf(array)}; it has ${listed(columns)}${array.role === "input" ? `; --columns ${array.name}=${left.slice(0, 2).join(",") || "a,b"} says which it takes` : ""}.`,
      );
    const missing = names.find((name) => !placesOf.has(name));
    if (missing !== undefined)
      throw new InputError(`${file} has no column ${missing}; it has ${listed(columns)}.`);
    const places = names.map((name) => placesOf.get(name)!);
    if (named[k] === null)
      notes.push(`input ${array.name} takes the columns ${listed(names)} of ${file}.`);
    checkCount(file, array, names, named[k] === null);
    return { expected: array, places, names };
  });
  const read = new Set(arrays.flatMap(({ names }) => names));
  const unread = left.filter((name) => !read.has(name));
  if (unread.length > 0) notes.push(unreadNote("column", unread, file));
  return { arrays, notes };
}

/** Throws an InputError if an input takes another number of columns than it gets. */
function checkCount(
  file: string,
  { name, role, shape }: Expected,
  names: readonly string[],
  isRest: boolean,
): void {
  const size = shape?.at(-1);
  if (role !== "input" || shape?.length !== 2 || typeof size !== "number" || names.length < 2)
    return;
  if (size === names.length) return;
  throw new InputError(
    `input ${name} takes ${size} columns, and ${isRest ? `the columns of ${file} that are left are` : `--columns gives it`} ${names.length}: ${listed(names)}; say which it takes with --columns ${name}=a,b.`,
  );
}
