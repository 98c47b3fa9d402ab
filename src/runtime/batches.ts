import type { Tensor } from "onnxruntime-common";
import { uniform } from "../graph/random.ts";
import { dataTypeNamed, elements } from "../onnx/data-types.ts";
import { InputError } from "../onnx/source.ts";
import { type Column, type Dataset, firstWhere } from "./dataset.ts";
import { tensorOfBytes } from "./floats.ts";
import type { Ort, Tensors } from "./session.ts";
import { widened } from "./widening.ts";

/** How a dataset is cut into batches. */
export interface BatchOptions {
  readonly ort: Ort;
  readonly batchSize: number;
  /** Seed of the order; the rows come in theirs where none is given. */
  readonly shuffle?: number | undefined;
  /** Which time round it is: each has an order of its own. */
  readonly epoch?: number | undefined;
  /** Leave out what is left over for a last, smaller batch. */
  readonly dropLast?: boolean | undefined;
}

/**
 * The batches of a dataset, made one at a time: inputs and targets by name; the same seed gives the same order on every
 * machine. Where the model fixes its batch size there is no smaller last batch. Throws an
 * InputError where the model takes another batch size, or where no batch is full.
 */
export function* batches(
  dataset: Dataset,
  { ort, batchSize, shuffle, epoch = 0, dropLast = false }: BatchOptions,
): Generator<Tensors> {
  checkBatchSize(dataset, batchSize, dropLast);
  const { rows, columns } = dataset;
  const order = shuffle === undefined ? inOrder(rows) : shuffled(rows, shuffle, epoch);
  const whole = dropLast || dataset.batchSize !== null;
  for (let at = 0; at + (whole ? batchSize : 1) <= rows; at += batchSize) {
    const some = order.subarray(at, at + batchSize);
    yield Object.fromEntries(columns.map((column) => [column.name, gathered(ort, column, some)]));
  }
}

/** Throws an InputError where a dataset cannot be cut into batches of this size. */
export function checkBatchSize(dataset: Dataset, batchSize: number, dropLast = false): void {
  const { name, rows, batchSize: fixed } = dataset;
  if (!Number.isSafeInteger(batchSize) || batchSize < 1)
    throw new InputError(`batch size ${batchSize} is no whole number from 1 on.`);
  if (fixed !== null && fixed !== batchSize)
    throw new InputError(
      `the model takes batches of ${fixed} and no others, and ${batchSize} is asked for; pass ${fixed}, or export it with a free batch dimension.`,
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

function gathered(ort: Ort, column: Column, rows: Uint32Array): Tensor {
  const { stored, dtype, dims, bytes } = column;
  const width = (elements(dims) * dataTypeNamed(stored)!.bits) / 8;
  const some = new Uint8Array(width * rows.length);
  for (const [k, row] of rows.entries())
    some.set(bytes.subarray(row * width, (row + 1) * width), k * width);
  const values = stored === dtype ? some : widened(some, stored, dtype);
  return tensorOfBytes(ort, dtype, values, [rows.length, ...dims]);
}

/**
 * Throws an InputError where a target is no class of so many: no integer of the type, or one that
 * is out of range. `ignore` is a label that counts for none, which not all may be.
 */
export function checkLabels(
  dataset: Dataset,
  name: string,
  classes: number,
  ignore: number | null = null,
): void {
  const { stored, dims, bytes } = dataset.columns.find((column) => column.name === name)!;
  const title = `target ${name} of ${dataset.name}`;
  const read = READ[stored];
  if (!read)
    throw new InputError(
      `${title} is ${stored}, and labels are integers; save it .astype("int64").`,
    );
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const wide = dataTypeNamed(stored)!.bits / 8;
  let counting = 0;
  for (let at = 0; at < bytes.length; at += wide) {
    const label = Number(read(view, at));
    if (label === ignore) continue;
    counting++;
    if (label >= 0 && label < classes) continue;
    throw new InputError(
      `${title} is ${label} in row ${Math.floor(at / wide / elements(dims))} (from 0), and the model's ${classes} classes are 0 to ${classes - 1}; number the labels so.`,
    );
  }
  if (counting === 0)
    throw new InputError(`${title} is ${ignore} in every row, the label that does not count.`);
}

/** Throws an InputError where a target holds a number that is no share, from 0 to 1. */
export function checkShares(dataset: Dataset, name: string): void {
  const column = dataset.columns.find((one) => one.name === name)!;
  const found = firstWhere(column, (value) => !(value >= 0 && value <= 1));
  if (found)
    throw new InputError(
      `target ${name} of ${dataset.name} is ${found.value} in row ${found.row} (from 0), and such targets are from 0 to 1.`,
    );
}

const READ: Readonly<Record<string, (view: DataView, at: number) => number | bigint>> = {
  int8: (view, at) => view.getInt8(at),
  uint8: (view, at) => view.getUint8(at),
  int16: (view, at) => view.getInt16(at, true),
  uint16: (view, at) => view.getUint16(at, true),
  int32: (view, at) => view.getInt32(at, true),
  uint32: (view, at) => view.getUint32(at, true),
  int64: (view, at) => view.getBigInt64(at, true),
  uint64: (view, at) => view.getBigUint64(at, true),
};
