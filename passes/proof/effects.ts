import type { Tensor } from "onnxruntime-common";
import type { DenseTensor } from "../../src/onnx/new-node.ts";
import type { Tensors } from "../../src/ort/session.ts";
import { numbersIn } from "../../src/ort/tensors.ts";
import type { InsertedSite } from "../laurelize/insert.ts";
import { operandNames } from "./operands.ts";

/** A new tensor that, displaced alone, changes its site's sum. */
export interface Effect {
  readonly tensor: DenseTensor;
  /** What it does to the sum; null if that is not known. */
  readonly change: Movement | null;
}

/** Share of a change's elements that another of the same reach may leave as they were, by rounding. */
const ROUNDED = 1 / 64;

/** The elements at which a sum moved, and how far in all. */
export interface Movement {
  /** 1 at elements that moved, otherwise 0; null if all or none moved. */
  readonly where: Uint8Array | null;
  readonly count: number;
  readonly norm: number;
}

/**
 * Returns the effect on a site's sum of displacing each of its tensors alone, weakest first. `sums`
 * are the sum before, and with each tensor displaced. A tensor that changes no bit has no effect.
 * Without sums, because the site's nodes do not run alone, every tensor may have one.
 */
export function effectsOf(
  sums: readonly Tensor[] | null,
  tensors: readonly DenseTensor[],
): Effect[] {
  if (!sums) return tensors.map((tensor) => ({ tensor, change: null }));
  const [still, ...moved] = sums;
  return tensors
    .map((tensor, k) => ({ tensor, change: changeBetween(still, moved[k]) }))
    .filter(({ change }) => change.count > 0)
    .sort((a, b) => a.change.norm - b.change.norm || 0);
}

/** Returns what a site's nodes read at a point, then the same with each of some tensors replaced. */
export function setsAt(
  inserted: InsertedSite,
  point: Tensors,
  others: readonly Tensors[],
): Tensors[] {
  const tensors = Object.values(inserted.parameters).map(({ name }) => name);
  const given = new Set([...operandNames([inserted]), ...tensors]);
  const at = Object.fromEntries([...given].map((name) => [name, point[name]]));
  return [at, ...others.map((other) => ({ ...at, ...other }))];
}

/** Compares two values of a sum, bit by bit. */
export function changeBetween(still: Tensor, moved: Tensor): Movement {
  const [before, bits] = [bitsOf(still), bitsOf(moved)];
  const [numbersBefore, numbers] = [numbersIn(still), numbersIn(moved)];
  const where = new Uint8Array(bits.length);
  let count = 0;
  let squares = 0;
  for (let k = 0; k < bits.length; k++) {
    if (bits[k] === before[k]) continue;
    where[k] = 1;
    count++;
    const by = numbers[k] - numbersBefore[k];
    squares += by * by;
  }
  const norm = Number.isNaN(squares) ? Infinity : Math.sqrt(squares);
  return { where: count > 0 && count < bits.length ? where : null, count, norm };
}

type Bits = Uint16Array | Uint32Array | BigUint64Array;

function bitsOf({ data }: Tensor): Bits {
  const { buffer, byteOffset, byteLength } = data as unknown as ArrayBufferView;
  const size = (data as Float32Array).BYTES_PER_ELEMENT;
  const View = { 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array }[size]!;
  return new View(buffer as ArrayBuffer, byteOffset, byteLength / size);
}

/** Whether the second movement changes what the first does, except for what rounding loses. */
export function within(a: Movement, b: Movement): boolean {
  const [{ where }, { where: others }] = [a, b];
  let missed = 0;
  if (b.count === 0) missed = a.count;
  else if (others && where)
    for (let k = 0; k < where.length; k++) missed += where[k] > others[k] ? 1 : 0;
  else if (others) missed = a.count - b.count;
  return missed <= ROUNDED * a.count;
}
