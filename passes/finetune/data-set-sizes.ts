import { InputError } from "../../src/errors.ts";
import { type Dimension, showShape } from "../../src/onnx/dtypes.ts";
import type { Expected } from "./expected.ts";
import {
  type ArrayPlacement,
  type BatchAxes,
  type Present,
  placedArray,
  rowsError,
  rowsOfArrays,
} from "./placement.ts";

/** The sizes of a model's free dimensions, by the arrays of a dataset. */
export class SampleSizes {
  readonly #sizes = new Map<string, readonly [size: number, array: string]>();
  readonly #batches = new Set<string>();
  #fixed: readonly [size: number, array: string] | null = null;
  /** How each array is read, and the file that showed it. */
  readonly #placements = new Map<string, readonly [ArrayPlacement, file: string]>();
  readonly #stated: BatchAxes;
  /** Rows of all files. */
  rows = 0;

  constructor(stated: BatchAxes = {}) {
    this.#stated = stated;
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

  /** Returns how each array of a file is read; checks the file against those before. */
  place(file: string, arrays: readonly Present[]): ArrayPlacement[] {
    const known = rowsOfArrays(arrays, this.#stated);
    checkSomeRows(file, arrays, known.rows, this.#stated);
    this.rows += known.rows;
    return arrays.map((present) => {
      const { expected } = present;
      const placement = placedArray(file, present, known, this.#stated);
      const title = `array ${expected.name} of ${file}`;
      this.#compare(title, expected.name, placement, file);
      this.#note(title, expected, placement);
      return placement;
    });
  }

  /** Notes that an input takes one value for a whole batch, and each example has its own. */
  alone(name: string): void {
    this.#fixed ??= [1, name];
  }

  #compare(title: string, name: string, placement: ArrayPlacement, file: string): void {
    const [first, by] = this.#placements.get(name) ?? [placement, file];
    this.#placements.set(name, [first, by]);
    if (`${first.dims}` !== `${placement.dims}`)
      throw new InputError(
        `${title} has rows of shape ${showShape(placement.dims)}, and ${by} has rows of ${showShape(first.dims)}; all files must have the same: pad the shorter ones.`,
      );
    if (first.axis !== placement.axis || (first.from === null) !== (placement.from === null))
      throw new InputError(
        `${title} has its examples on a different axis than ${by}; state it with --batch-axis ${name}=0.`,
      );
  }

  /** Notes the sizes of an input's dimensions. */
  #note(title: string, { name, shape }: Expected, { axis, dims }: ArrayPlacement): void {
    const sizes: readonly number[] = axis === null ? dims : dims.toSpliced(axis, 0, 0);
    for (const [k, dim] of (shape ?? []).entries())
      if (k === axis) this.#batch(title, name, dim === "" ? `${name}.${k}` : dim);
      else if (typeof dim === "string") this.#bind(title, name, dim || `${name}.${k}`, sizes[k]);
  }

  #batch(title: string, name: string, dim: Dimension): void {
    if (typeof dim === "string") {
      this.#batches.add(dim);
      return;
    }
    this.#fixed ??= [dim, name];
    if (this.#fixed[0] !== dim)
      throw new InputError(
        `the model fixes the batch of ${title} to ${dim} and that of ${this.#fixed[1]} to ${this.#fixed[0]}, so one of these axes is not the batch; state it with --batch-axis.`,
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

/** Throws an InputError if no input has as many rows as the targets. */
function checkSomeRows(
  file: string,
  arrays: readonly Present[],
  rows: number,
  stated: BatchAxes,
): void {
  const inputs = arrays.filter(({ expected }) => expected.role === "input");
  const target = arrays.find(({ expected }) => expected.role === "target");
  if (!target || target.dims.length === 0 || inputs.length === 0 || target.dims[0] === 0) return;
  if (inputs.some((input) => input.expected.name in stated || mayHold(input, rows))) return;
  const [{ expected, dims }] = inputs;
  if (dims.length > 0 && dims[0] > 0)
    throw rowsError(
      `array ${target.expected.name} of ${file} has ${rows} rows, and ${expected.name} has ${dims[0]}; the first dimension of all must be the same examples.`,
      target.expected.name,
    );
}

/** Whether an array has as many examples along an axis that the model does not fix otherwise. */
const mayHold = ({ expected: { shape }, dims }: Present, rows: number): boolean =>
  dims.some(
    (size, k) =>
      size === rows &&
      (k === 0 || typeof shape?.[k] === "string" || typeof shape?.[0] === "number"),
  );
