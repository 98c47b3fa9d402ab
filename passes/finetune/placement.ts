import { InputError } from "../../src/errors.ts";
import { own } from "../../src/graph/own.ts";
import { type Dimension, elements, showShape } from "../../src/onnx/dtypes.ts";
import type { Expected } from "./expected.ts";

/** How an array becomes a tensor of a batch. */
export interface ArrayPlacement {
  /** The axis of the examples in a batch; null if the input has none. */
  readonly axis: number | null;
  /** The axis of the examples in the array; null if one value holds for all of them. */
  readonly from: number | null;
  /** Shape of an example in a batch, or of the one value. */
  readonly dims: readonly number[];
}

/** An expected array, and the shape of the one that is there. */
export interface Present {
  readonly expected: Expected;
  readonly dims: readonly number[];
}

/** Axes of the examples that the caller states; null for one value for all examples. */
export type BatchAxes = Readonly<Record<string, number | null>>;

interface Rows {
  /** Number of examples. */
  readonly rows: number;
  /** Names of the dimension that is the batch. */
  readonly batch: ReadonlySet<string>;
}

/** What inference can show of an input whose examples are not found. */
export interface Doubt {
  readonly input: string;
  /** Axes of which several may be that of the examples; null if it may take one value for all. */
  readonly axes: readonly number[] | null;
  /** Names of the dimension that is the batch of the other inputs. */
  readonly batch: ReadonlySet<string>;
}

/** The examples do not fit an input, or fit it in several ways. */
export class PlacementError extends InputError {
  readonly doubt: Doubt;
  constructor(message: string, doubt: Doubt) {
    super(message);
    this.doubt = doubt;
  }
}

/** The examples do not fit an input, which may take one value for all. */
export const rowsError = (message: string, input: string) =>
  new PlacementError(message, { input, axes: null, batch: new Set() });

const NAMED = /batch/i;

/** Axes of free size that are as long as there are examples. */
const axesOf = (shape: readonly Dimension[], dims: readonly number[], rows: number) =>
  [...shape.keys()].filter((k) => typeof shape[k] === "string" && dims[k] === rows);

/** Returns the number of examples of a file, and the dimensions that count them. */
export function rowsOfArrays(arrays: readonly Present[], stated: BatchAxes): Rows {
  const rows = countOf(arrays, stated);
  const symbols = new Map<string, number>();
  const inputs = arrays.filter(
    ({ expected: { shape, role, name }, dims }) =>
      role === "input" && shape?.length === dims.length && !Object.hasOwn(stated, name),
  );
  // An input with one such axis says more than those with several.
  const clear = inputs.filter(
    ({ expected, dims }) => axesOf(expected.shape!, dims, rows).length === 1,
  );
  for (const { expected, dims } of clear.length > 0 ? clear : inputs) {
    const shape = expected.shape!;
    for (const symbol of new Set(shape.filter((dim) => typeof dim === "string" && dim !== "")))
      if (shape.every((dim, axis) => dim !== symbol || dims[axis] === rows))
        symbols.set(symbol as string, (symbols.get(symbol as string) ?? 0) + 1);
  }
  const named = [...symbols.keys()].filter((symbol) => NAMED.test(symbol));
  if (named.length > 0) return { rows, batch: new Set(named) };
  const [most] = [...symbols].sort(([, a], [, b]) => b - a);
  return { rows, batch: new Set(most ? [most[0]] : []) };
}

function countOf(arrays: readonly Present[], stated: BatchAxes): number {
  const target = arrays.find(({ expected: { role } }) => role === "target");
  if (target) return target.dims[own(stated, target.expected.name) ?? 0] ?? 1;
  const said = arrays.find(({ expected: { name } }) => typeof own(stated, name) === "number");
  if (said) return said.dims[stated[said.expected.name]!] ?? 1;
  for (const { expected, dims } of arrays) {
    const axis = expected.shape?.findIndex((dim) => typeof dim === "string" && NAMED.test(dim));
    if (axis !== undefined && axis >= 0 && dims.length === expected.shape!.length)
      return dims[axis];
  }
  const free = arrays.find(({ expected: { shape } }) => typeof shape?.[0] === "string");
  return (free ?? arrays.find(({ dims }) => dims.length > 0))?.dims[0] ?? 1;
}

/** Whether sizes are those of a shape, except for one axis. */
const fits = (dims: readonly number[], shape: readonly Dimension[], but = -1) =>
  dims.length === shape.length &&
  shape.every((dim, axis) => axis === but || typeof dim !== "number" || dim === dims[axis]);

const without = (dims: readonly number[], axis: number) => dims.toSpliced(axis, 1);

/** Examples along an axis, in the array as in batches. */
const along = (axis: number, dims: readonly number[]): ArrayPlacement => ({
  axis,
  from: axis,
  dims: without(dims, axis),
});

/** Returns how an array is read. Throws an InputError if its shape does not fit. */
export function placedArray(
  file: string,
  { expected, dims }: Present,
  { rows, batch }: Rows,
  stated: BatchAxes,
): ArrayPlacement {
  const { name, shape, role } = expected;
  const title = `array ${name} of ${file}`;
  if (Object.hasOwn(stated, name)) return asStated(title, { expected, dims }, rows, stated[name]);
  if (!shape || role === "target") {
    const others = dims[0] === rows ? [0] : [...dims.keys()].filter((k) => dims[k] === rows);
    if (others.length !== 1) checkRows(title, name, dims, rows);
    return along(others[0] ?? 0, dims);
  }
  const axis = shape.findIndex((dim) => typeof dim === "string" && batch.has(dim));
  if (axis >= 0 && fits(without(dims, axis), without(shape as number[], axis))) {
    if (dims[axis] === rows) return along(axis, dims);
    if (dims[axis] === 1) return { axis, from: null, dims: without(dims, axis) };
  }
  if (axis >= 0 && fits(dims, without(shape as number[], axis)) && dims.length < shape.length)
    return { axis, from: null, dims };
  const free = axesOf(shape, dims, rows);
  if (axis < 0 && free.length > 0 && fits(dims, shape)) {
    const choices = free.map((k) => `${name}=${k}`).join(" or ");
    if (free.length > 1)
      throw new PlacementError(
        `${title} may have its examples along axis ${free.join(" or ")}; say which with --batch-axis ${choices}.`,
        { input: name, axes: free, batch },
      );
    return along(free[0], dims);
  }
  const fixed = axis < 0 ? placedInFixed(dims, shape, { rows, batch }) : null;
  if (fixed) return fixed;
  if (fits(dims, shape, 0)) checkRows(title, name, dims, rows);
  if (dims.length === 0) throw single(title);
  const where = axis > 0 ? `axis ${axis}` : "the first dimension";
  const advice = isTurned(dims, shape) ? "; if its channels are last, pass --layout nhwc" : "";
  throw otherShape(title, dims, shape, `${where} being the examples${advice}`);
}

/** Whether images with their channels last would fit a shape with channels first. */
const isTurned = (
  [rows, height, width, channels]: readonly number[],
  shape: readonly Dimension[],
) => shape.length === 4 && channels <= 4 && fits([rows, channels, height, width], shape, 0);

/** An input whose shape says nothing of the batch: fixed sizes, or a scalar. */
function placedInFixed(
  dims: readonly number[],
  shape: readonly Dimension[],
  { rows, batch }: Rows,
): ArrayPlacement | null {
  const wholeBatch = (dims: readonly number[]) => ({ axis: null, from: null, dims });
  const isFixed = shape.every((dim) => typeof dim === "number");
  const isBatched = typeof shape[0] === "number" && dims[0] === rows && fits(dims, shape, 0);
  if (isBatched && (shape[0] !== rows || batch.size === 0)) {
    // A single value among inputs of any batch size is one for the whole batch.
    if (shape[0] === 1 && batch.size > 0)
      return { axis: null, from: 0, dims: [1, ...dims.slice(1)] };
    return along(0, dims);
  }
  if (typeof shape[0] !== "string" && fits(dims, shape)) return wholeBatch(dims);
  const axis = shape.findIndex(
    (dim, k) => typeof dim === "number" && dims[k] === rows && fits(dims, shape, k),
  );
  if (axis > 0 && typeof shape[0] === "number") return along(axis, dims);
  if (dims[0] === rows && fits(dims.slice(1), shape))
    return { axis: null, from: 0, dims: dims.slice(1) };
  if (isFixed && elements(dims) === elements(shape as number[]))
    return wholeBatch(shape as number[]);
  return null;
}

/** As the caller says: along an axis, or one value for all examples. */
function asStated(
  title: string,
  { expected: { shape }, dims }: Present,
  rows: number,
  axis: number | null,
): ArrayPlacement {
  if (axis === null) {
    if (shape && !fits(dims, shape))
      throw otherShape(title, dims, shape, "as --batch-axis says that it has no axis of examples");
    return { axis: null, from: null, dims };
  }
  if (axis >= dims.length)
    throw new InputError(
      `${title} has shape ${showShape(dims)}, without an axis ${axis} for the examples; correct --batch-axis.`,
    );
  if (shape && !fits(dims, shape, axis))
    throw otherShape(title, dims, shape, `axis ${axis} being the examples`);
  if (dims[axis] !== rows)
    throw new InputError(
      `${title} has ${dims[axis]} examples along axis ${axis}, and there are ${rows}; see --batch-axis.`,
    );
  return along(axis, dims);
}

const otherShape = (
  title: string,
  dims: readonly number[],
  shape: readonly Dimension[],
  as: string,
) =>
  new InputError(
    `${title} has shape ${showShape(dims)}, and ${showShape(shape)} is expected, ${as}.`,
  );

const single = (title: string) =>
  new InputError(`${title} is a single number, but its first dimension must be the examples.`);

function checkRows(title: string, name: string, dims: readonly number[], rows: number): void {
  if (dims.length === 0) throw single(title);
  if (dims[0] === 0)
    throw new InputError(`${title} has shape ${showShape(dims)}; give at least one row.`);
  if (dims[0] !== rows)
    throw rowsError(
      `${title} has ${dims[0]} rows, but there are ${rows} examples; its first dimension must be the examples, unless --batch-axis ${name}=1 names another, or ${name}=none says that all share one value.`,
      name,
    );
}
