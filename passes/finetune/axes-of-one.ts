import type { StoredArray } from "../../src/formats/npz.ts";
import type { Dimension } from "../../src/onnx/dtypes.ts";
import type { Expected } from "./expected.ts";

/**
 * Returns an array whose rows have the sizes of an input but for axes of one, as the input has
 * them: images [rows, 28, 28] for [rows, 1, 28, 28]. Other arrays are as they are.
 */
export function withAxesOfOne(array: StoredArray, { role, shape }: Expected): StoredArray {
  const { dims } = array;
  if (role !== "input" || !shape || shape.length < 2 || shape.length === dims.length) return array;
  if (dims.length > shape.length && typeof shape[0] === "number") return array;
  const row = rowAs(shape.slice(1), dims.slice(1));
  return row ? { ...array, dims: [dims[0], ...row] } : array;
}

/** The sizes of a row as a shape has them; null if they differ in more than axes of one. */
function rowAs(shape: readonly Dimension[], dims: readonly number[]): readonly number[] | null {
  const long = dims.filter((dim) => dim !== 1).values();
  const row = shape.map((dim) => (dim === 1 ? 1 : long.next().value));
  const fits = row.every((size, axis) => typeof shape[axis] === "string" || size === shape[axis]);
  return fits && row.every((size) => size !== undefined) && long.next().done ? row : null;
}
