import type { Tensor } from "onnxruntime-common";
import { checkGiven, flag, number, withOrt } from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import { uniform } from "../../src/graph/random.ts";
import { widthOf } from "../../src/graph/tensor.ts";
import { elements } from "../../src/onnx/dtypes.ts";
import { type Declared, shown } from "../../src/options.ts";
import type { Ort, Tensors } from "../../src/ort/session.ts";
import { tensorOfBytes } from "../../src/ort/tensors.ts";
import { converted } from "./conversion.ts";
import type { OpenedDataset } from "./data-set.ts";
import type { Column } from "./data-set-rows.ts";
import { normalizedPixels } from "./pixels.ts";

/** How a dataset is cut into batches. */
export interface BatchOptions {
  readonly ort: Ort;
  readonly batchSize: number;
  /** Seed of the order of the rows. They keep theirs without it, and if one batch holds all. */
  readonly shuffle?: number | undefined;
  /** Number of the epoch: each has an order of its own. */
  readonly epoch?: number | undefined;
  /** Whether to leave out a last, smaller batch. */
  readonly dropLast?: boolean | undefined;
}

const integer = { type: "number", range: { integer: true } } as const;

const batchOptions: Declared<BatchOptions> = {
  ...withOrt,
  batchSize: number,
  shuffle: integer,
  epoch: integer,
  dropLast: flag,
};

/**
 * Yields the batches of a dataset, made one at a time: inputs and targets by name. The same seed gives
 * the same order on every machine. If the model fixes its batch size, there is no smaller last batch.
 * Throws an InputError if the model takes another batch size, or if no batch is full. Throws a
 * TypeError if an argument has the wrong type.
 */
export function batches(dataset: OpenedDataset, options: BatchOptions): Generator<Tensors> {
  if (!Array.isArray((dataset as Partial<OpenedDataset> | undefined)?.columns))
    throw new TypeError(
      `batches takes a dataset, await openDataset(…), and got ${shown(dataset)}.`,
    );
  checkGiven("batches", options, batchOptions);
  checkBatchSize(dataset, options.batchSize, options.dropLast);
  return cut(dataset, options);
}

function* cut(
  dataset: OpenedDataset,
  { ort, batchSize, shuffle, epoch = 0, dropLast = false }: BatchOptions,
): Generator<Tensors> {
  const { rows, columns } = dataset;
  // Rows that are one batch may belong together, as the nodes of a graph do.
  const isKept = shuffle === undefined || batchSize >= rows;
  const order = isKept ? inOrder(rows) : shuffled(rows, shuffle, epoch);
  const whole = dropLast || dataset.batchSize !== null;
  for (let at = 0; at + (whole ? batchSize : 1) <= rows; at += batchSize) {
    const some = order.subarray(at, at + batchSize);
    yield Object.fromEntries(columns.map((column) => [column.name, gathered(ort, column, some)]));
  }
}

/** Throws an InputError if a dataset cannot be cut into batches of this size. */
export function checkBatchSize(dataset: OpenedDataset, batchSize: number, dropLast = false): void {
  const { name, rows, batchSize: fixed } = dataset;
  if (!Number.isSafeInteger(batchSize) || batchSize < 1)
    throw new InputError(`batch size must be a positive integer (got ${batchSize}).`);
  if (fixed !== null && fixed !== batchSize)
    throw new InputError(
      `the model only takes batches of ${fixed}, but the batch size is ${batchSize}; use ${fixed}, or export the model with a free batch dimension.`,
    );
  if ((dropLast || fixed !== null) && rows < batchSize)
    throw new InputError(
      `${name} has ${rows} rows, fewer than one batch of ${batchSize}; make the batches smaller.`,
    );
}

const inOrder = (count: number) => Uint32Array.from({ length: count }, (_, k) => k);

/** The numbers below `count` in a seeded order (Fisher and Yates). */
function shuffled(count: number, seed: number, epoch: number): Uint32Array {
  const order = inOrder(count);
  const random = uniform(seed, `epoch ${epoch}`);
  for (let k = count - 1; k > 0; k--) {
    const other = Math.floor(random() * (k + 1));
    [order[k], order[other]] = [order[other], order[k]];
  }
  return order;
}

/** Some rows of a column, in their order, as one tensor; or the one value of all of them. */
function gathered(ort: Ort, column: Column, rows: Uint32Array): Tensor {
  const { dtype, dims, axis = 0, isShared } = column;
  if (axis === null && (isShared || rows.length === 1)) {
    const row = isShared ? Uint32Array.of(0) : rows;
    return tensorOfBytes(ort, dtype, bytesOfRows(column, row), dims);
  }
  const bytes = bytesOfRows(column, isShared ? new Uint32Array(rows.length) : rows);
  const outer = elements(dims.slice(0, axis ?? 0));
  const ordered = outer > 1 ? rowsInside(bytes, rows.length, outer) : bytes;
  return tensorOfBytes(ort, dtype, ordered, dims.toSpliced(axis ?? 0, 0, rows.length));
}

/** Moves the axis of the rows behind as many others as `outer` counts. */
function rowsInside(bytes: Uint8Array, rows: number, outer: number): Uint8Array {
  const width = bytes.length / (rows * outer);
  const moved = new Uint8Array(bytes.length);
  for (let row = 0; row < rows; row++)
    for (let k = 0; k < outer; k++) {
      const at = (row * outer + k) * width;
      moved.set(bytes.subarray(at, at + width), (k * rows + row) * width);
    }
  return moved;
}

/** Some rows of a column, one after the other, in the type that they have in batches. */
function bytesOfRows({ dtype, dims, parts, pixels }: Column, rows: Uint32Array): Uint8Array {
  const taken = (bytes: Uint8Array, stored: string) => {
    if (pixels) return normalizedPixels(bytes, stored, dtype, pixels);
    return stored === dtype ? bytes : converted(bytes, stored, dtype);
  };
  const width = elements(dims) * widthOf(dtype);
  const some = new Uint8Array(width * rows.length);
  const starts = startsOf(parts);
  for (const [k, row] of rows.entries()) {
    const index = starts.findLastIndex((start) => start <= row);
    const { read, stored } = parts[index];
    const bytes = read(row - starts[index], row - starts[index] + 1);
    some.set(taken(bytes, stored), k * width);
  }
  return some;
}

function startsOf(parts: Column["parts"]): number[] {
  let next = 0;
  return parts.map(({ rows }) => {
    next += rows;
    return next - rows;
  });
}
