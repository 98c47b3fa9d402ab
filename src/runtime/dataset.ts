import { decodeNumbers } from "../graph/tensor.ts";
import { type Dimension, isFloat, showShape } from "../graph/types.ts";
import { dataTypeNamed, elements } from "../onnx/data-types.ts";
import { InputError, type Source } from "../onnx/source.ts";
import { type Npz, openNpz, type StoredArray } from "./npz.ts";
import { isWidening } from "./widening.ts";

/** What a dataset must have an array for: an input of a model, or a target that outputs are held against. */
export interface Expected {
  readonly name: string;
  readonly role: "input" | "target";
  /** As ONNX spells it; null where any type will do. */
  readonly dtype: string | null;
  /** The first dimension is the batch; null where any shape will do. */
  readonly shape: readonly Dimension[] | null;
}

/** An array of a dataset: one row for each example. */
export interface Column {
  readonly name: string;
  readonly role: "input" | "target";
  /** The type that it has in `bytes`, and the one that batches have. */
  readonly stored: string;
  readonly dtype: string;
  /** Shape of a row. */
  readonly dims: readonly number[];
  /** All rows, one after the other, little-endian. */
  readonly bytes: Uint8Array;
}

/** Examples in memory, held against what a model takes. */
export interface Dataset {
  /** What errors call it: a file name. */
  readonly name: string;
  readonly rows: number;
  readonly columns: readonly Column[];
  /** The batch size, where the model leaves no other. */
  readonly batchSize: number | null;
  /** Sizes of all free dimensions for a batch size, by name; an unnamed one is "input.axis". */
  sizes(batchSize: number): Record<string, number>;
  /** What was taken otherwise than it stands, and what was left alone: a sentence each. */
  readonly notes: readonly string[];
}

/**
 * Reads an .npz into memory, block by block, once its arrays' headers are held against what is
 * expected: names, types, shapes, one number of rows. `free` is the memory that may be taken.
 * Throws an InputError, one sentence, for the first thing that is wrong.
 */
export function readDataset(
  source: Source,
  expected: readonly Expected[],
  free: number | null = null,
): Dataset {
  const { name } = source;
  const npz = openNpz(source);
  const arrays = expected.map((each) => [each, asked(name, npz, each)] as const);
  const notes: string[] = [];
  const sizes = new Sizes(name);
  for (const [each, array] of arrays) {
    const note = checkType(name, each, array);
    if (note) notes.push(note);
    sizes.note(each, array);
  }
  const used = new Set(expected.map((each) => each.name));
  for (const other of npz.names)
    if (!used.has(other)) notes.push(`array ${other} of ${name} is neither input nor target.`);
  const needed = arrays.reduce((sum, [, { size }]) => sum + size, 0);
  if (free !== null && needed > free)
    throw new InputError(
      `${name} takes ${gigabytes(needed)} of memory, and ${gigabytes(free)} are free; split it into several files.`,
    );
  const columns = arrays.map(([{ role, dtype }, array]): Column => {
    const [, ...dims] = array.dims;
    const column = {
      name: array.name,
      role,
      stored: array.dtype,
      dtype: dtype ?? array.dtype,
      dims,
    };
    return checked(name, { ...column, bytes: array.load() });
  });
  const { rows, batchSize } = sizes;
  return { name, rows, columns, batchSize, sizes: (size) => sizes.of(size), notes };
}

const gigabytes = (bytes: number) => `${(bytes / 1e9).toPrecision(2)} GB`;

function asked(file: string, npz: Npz, { name, role }: Expected): StoredArray {
  if (npz.names.includes(name)) return npz.array(name);
  const use = role === "input" ? "an input of the model" : "a target";
  throw new InputError(
    `${file} holds no array ${name}, which is ${use}; it holds ${npz.names.join(", ") || "none"}.`,
  );
}

/** Throws where the array's type is not what is expected; tells what is taken as a wider one. */
function checkType(file: string, { name, dtype }: Expected, array: StoredArray): string | null {
  if (dtype === null || array.dtype === dtype) return null;
  if (isWidening(array.dtype, dtype))
    return `array ${name} of ${file} is ${array.dtype} and is taken as ${dtype}.`;
  const numpy = dataTypeNamed(dtype)?.ort ?? dtype;
  throw new InputError(
    `array ${name} of ${file} is ${array.dtype}, and ${dtype} is expected; convert it with .astype("${numpy}"), as the model was trained.`,
  );
}

/** The sizes that arrays give to what a model leaves free. */
class Sizes {
  readonly #file: string;
  readonly #sizes = new Map<string, readonly [size: number, array: string]>();
  readonly #batches = new Set<string>();
  #fixed: readonly [size: number, array: string] | null = null;
  #rows: readonly [size: number, array: string] | null = null;

  constructor(file: string) {
    this.#file = file;
  }

  /** Rows of every array. */
  get rows(): number {
    return this.#rows![0];
  }

  /** The batch size that the model demands: its own, or that of a name which rows have too. */
  get batchSize(): number | null {
    const named = [...this.#batches].map((name) => this.#sizes.get(name)?.[0]);
    return this.#fixed?.[0] ?? named.find((size) => size !== undefined) ?? null;
  }

  of(batchSize: number): Record<string, number> {
    const batches = [...this.#batches].map((name) => [name, batchSize] as const);
    const others = [...this.#sizes].map(([name, [size]]) => [name, size] as const);
    return Object.fromEntries([...batches, ...others]);
  }

  /** Holds an array's shape against what is expected, and against the arrays before. */
  note({ name, shape }: Expected, { dims }: StoredArray): void {
    const title = `array ${name} of ${this.#file}`;
    if (dims.length === 0)
      throw new InputError(
        `${title} is a single number; its first dimension must be the examples.`,
      );
    if (elements(dims) === 0)
      throw new InputError(`${title} has shape ${showShape(dims)} and so holds nothing.`);
    const [rows] = dims;
    this.#rows ??= [rows, name];
    if (this.#rows[0] !== rows)
      throw new InputError(
        `${title} has ${rows} rows, and ${this.#rows[1]} has ${this.#rows[0]}; the first dimension of all must be the same examples.`,
      );
    if (!shape) return;
    const fits =
      shape.length === dims.length &&
      shape.every((dim, axis) => axis === 0 || typeof dim !== "number" || dim === dims[axis]);
    if (!fits)
      throw new InputError(
        `${title} has shape ${showShape(dims)}, and ${showShape(shape)} is expected, the first dimension being the examples.`,
      );
    for (const [axis, dim] of shape.entries())
      if (axis === 0) this.#batch(title, name, dim);
      else if (typeof dim === "string")
        this.#bind(title, name, dim || `${name}.${axis}`, dims[axis]);
  }

  #batch(title: string, name: string, dim: Dimension): void {
    if (typeof dim === "string") {
      this.#batches.add(dim || `${name}.0`);
      return;
    }
    this.#fixed ??= [dim, name];
    if (this.#fixed[0] !== dim)
      throw new InputError(
        `${title} goes into batches of ${dim}, and ${this.#fixed[1]} into batches of ${this.#fixed[0]}, as the model fixes them; that is no batch dimension.`,
      );
  }

  #bind(title: string, name: string, dim: string, size: number): void {
    const [known, by] = this.#sizes.get(dim) ?? [size, name];
    this.#sizes.set(dim, [known, by]);
    if (known !== size)
      throw new InputError(
        `${title} gives ${dim} the size ${size}, and ${by} gives it ${known}; they must agree.`,
      );
  }
}

function checked(file: string, column: Column): Column {
  const { name, stored } = column;
  if (!isFloat(stored)) return column;
  const found = firstWhere(column, Number.isNaN);
  if (found === null) return column;
  throw new InputError(
    `array ${name} of ${file} has a NaN in row ${found.row} (from 0); leave such rows out, numpy.isnan finds them.`,
  );
}

/** Values that are looked at together. */
const CHUNK = 1 << 16;

/** The first value that is so, and its row from 0; null where none is. */
export function firstWhere(
  { stored, bytes, dims }: Pick<Column, "stored" | "bytes" | "dims">,
  so: (value: number) => boolean,
): { readonly value: number; readonly row: number } | null {
  const step = CHUNK * (dataTypeNamed(stored)!.bits / 8);
  for (let at = 0; at < bytes.length; at += step) {
    const values = decodeNumbers(stored, bytes.subarray(at, at + step));
    const found = values.findIndex(so);
    if (found < 0) continue;
    const row = Math.floor(((at / step) * CHUNK + found) / elements(dims));
    return { value: values[found], row };
  }
  return null;
}
