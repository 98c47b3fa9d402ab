import { InputError } from "../../src/errors.ts";
import type { StoredArray } from "../../src/formats/npz.ts";
import { type Dimension, showShape } from "../../src/onnx/shape.ts";

/** An array that a dataset must have: an input of a model, or a target. */
export interface Expected {
  readonly name: string;
  readonly role: "input" | "target";
  /** As ONNX spells it; null for any type. */
  readonly dtype: string | null;
  /** The first dimension is the batch; null for any shape. */
  readonly shape: readonly Dimension[] | null;
  /** Whether a NaN is a missing value; it is refused by default. */
  readonly missing?: boolean | undefined;
}

/** The sizes of a model's free dimensions, by the arrays of a dataset. */
export class SampleSizes {
  #file = "";
  readonly #sizes = new Map<string, readonly [size: number, array: string]>();
  readonly #batches = new Set<string>();
  #fixed: readonly [size: number, array: string] | null = null;
  /** Rows of each array of the file at hand. */
  #rows: readonly [size: number, array: string] | null = null;
  /** Shape of a row of each array, and the file that gave it. */
  readonly #shapes = new Map<string, readonly [dims: readonly number[], file: string]>();
  /** Rows of all files. */
  rows = 0;

  /** Begins the next file. */
  begin(file: string): void {
    this.#file = file;
    this.#rows = null;
  }

  /** The batch size that the model fixes: its own, or that of a dimension name that rows have too. */
  get batchSize(): number | null {
    const named = [...this.#batches].map((name) => this.#sizes.get(name)?.[0]);
    return this.#fixed?.[0] ?? named.find((size) => size !== undefined) ?? null;
  }

  of(batchSize: number): Record<string, number> {
    const batches = [...this.#batches].map((name) => [name, batchSize] as const);
    const others = [...this.#sizes].map(([name, [size]]) => [name, size] as const);
    return Object.fromEntries([...batches, ...others]);
  }

  /** Checks an array's shape against what is expected, and against the arrays before. */
  note({ name, shape }: Expected, { dims }: StoredArray): void {
    const title = `array ${name} of ${this.#file}`;
    if (dims.length === 0)
      throw new InputError(
        `${title} is a single number; its first dimension must be the examples.`,
      );
    if (dims[0] === 0)
      throw new InputError(`${title} has shape ${showShape(dims)} and so holds nothing.`);
    const [rows, ...row] = dims;
    if (this.#rows === null) this.rows += rows;
    this.#rows ??= [rows, name];
    const [first, file] = this.#shapes.get(name) ?? [row, this.#file];
    this.#shapes.set(name, [first, file]);
    if (this.#rows[0] !== rows)
      throw new InputError(
        `${title} has ${rows} rows, and ${this.#rows[1]} has ${this.#rows[0]}; the first dimension of all must be the same examples.`,
      );
    if (`${first}` !== `${row}`)
      throw new InputError(
        `${title} has rows of shape ${showShape(row)}, and ${file} has rows of ${showShape(first)}; all files must have the same.`,
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
        `${title} goes into batches of ${dim}, and ${this.#fixed[1]} into batches of ${this.#fixed[0]}, as the model fixes them; so it is not a batch dimension.`,
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
