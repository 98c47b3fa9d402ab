import { InputError } from "../../src/errors.ts";
import type { StoredArray } from "../../src/formats/npz.ts";
import { type Dimension, showShape } from "../../src/onnx/dtypes.ts";
import { type ArrayFile, arrayAtHand } from "./array-file.ts";
import { type Expected, useOf } from "./expected.ts";
import type { Note } from "./shared-values.ts";

/** What exporters call the keys and values of earlier tokens that a decoder reads of its own. */
const PAST = /^past([._]|_?key|$)(?!.*encoder)/;

/**
 * Returns the array of a file that is expected, one of all `arrays`: an empty cache if it lacks that,
 * and with the axes of one that the input has. Throws an InputError if it has none of the name.
 */
export function arrayFor(
  file: ArrayFile,
  expected: Expected,
  arrays: readonly Expected[],
  note: Note,
): StoredArray {
  const { name } = expected;
  const isThere = file.names.includes(name);
  const array = isThere ? file.array(name) : emptyCache(file, expected, arrays);
  if (!array)
    throw new InputError(
      `${file.name} has no array ${name}, which is ${useOf(expected)}; it has ${file.names.join(", ") || "none"}.`,
    );
  if (!isThere) note("cache", `${file.name} has no ${name}: the cache of earlier tokens is empty.`);
  const dims = withAxesOfOne(array.dims, expected);
  if (!dims) return array;
  note(
    `${name} of one`,
    `array ${name} of ${file.name} is ${showShape(array.dims)} and is taken as ${showShape(dims)}.`,
  );
  return { ...array, dims };
}

/** An empty cache for an input; null if it is not a cache, or has several free dimensions. */
function emptyCache(
  file: ArrayFile,
  { name, dtype, shape }: Expected,
  arrays: readonly Expected[],
): StoredArray | null {
  if (!PAST.test(name) || !shape || !dtype) return null;
  for (const other of arrays) {
    const batch = other.shape?.[0];
    const axis = typeof batch === "string" ? shape.indexOf(batch) : shape[0] === batch ? 0 : -1;
    if (batch === undefined || axis < 0 || !file.names.includes(other.name)) continue;
    const [rows] = file.array(other.name).dims;
    const dims = shape.map((size, k) => (k === axis ? rows : typeof size === "number" ? size : 0));
    if (dims.filter((size) => size === 0).length === 1)
      return arrayAtHand({ name, dtype, dims }, () => new Uint8Array());
  }
  return null;
}

/** Sizes with an input's axes of one: [rows, 1, 28, 28] for [rows, 28, 28]; null if others differ. */
function withAxesOfOne(dims: readonly number[], { role, shape }: Expected): number[] | null {
  if (role !== "input" || !shape || shape.length < 2 || shape.length === dims.length) return null;
  if (dims.length > shape.length && typeof shape[0] === "number") return null;
  const row = rowAs(shape.slice(1), dims.slice(1));
  return row && [dims[0], ...row];
}

/** The sizes of a row as a shape has them; null if they differ in more than axes of one. */
function rowAs(shape: readonly Dimension[], dims: readonly number[]): readonly number[] | null {
  const long = dims.filter((dim) => dim !== 1).values();
  const row = shape.map((dim) => (dim === 1 ? 1 : long.next().value));
  const fits = row.every((size, axis) => typeof shape[axis] === "string" || size === shape[axis]);
  return fits && row.every((size) => size !== undefined) && long.next().done ? row : null;
}
