import type { Tensor } from "onnxruntime-common";
import type { Graph } from "../../src/graph/graph.ts";
import type { DenseTensor } from "../../src/onnx/new-node.ts";
import type { Ort, Tensors } from "../../src/ort/session.ts";
import { numbersIn } from "../../src/ort/tensors.ts";
import type { InsertedSite } from "../laurelize/insert.ts";
import { operandNames } from "./operands.ts";
import { runSums } from "./site-nodes.ts";

/** A new tensor that, displaced alone, changes its site's sum. */
export interface Effect {
  readonly tensor: DenseTensor;
  /**
   * Tensors of the site whose displacement changes the sum where this one's does too, and by no more
   * in the root of the sum of squares: what is behind the sum feels this one if it feels them.
   */
  readonly outdoes: readonly string[];
  /** What it does to the sum; null if that is not known. */
  readonly change: Movement | null;
}

/** A site of a graph, its operands and all new tensors. */
export interface SiteAtPoint {
  readonly ort: Ort;
  readonly result: Graph;
  readonly inserted: InsertedSite;
  readonly point: Tensors;
}

/** Share of a change's elements that another of the same reach may leave as they were, by rounding. */
const ROUNDED = 1 / 64;

/** Where a sum moved, and by how much in all. */
export interface Movement {
  /** 1 where it did; null if it moved everywhere or nowhere. */
  readonly where: Uint8Array | null;
  readonly count: number;
  readonly norm: number;
}

/**
 * What each of a site's tensors does to its sum when it alone is displaced, weakest first; those
 * that leave every bit of it are left out. `point` holds the operands and all new tensors. Where the
 * site's nodes do not run alone nothing is known, and every tensor may have an effect.
 */
export async function effectsAtSite(
  at: SiteAtPoint,
  tensors: readonly DenseTensor[],
  displaced: (tensor: DenseTensor) => Tensors,
): Promise<Effect[]> {
  return tensors.length === 0 ? [] : effectsOf(await sumsAt(at, tensors, displaced), tensors);
}

/** What tensors do to a sum, weakest first, given the sum before and with each of them displaced. */
export function effectsOf(
  sums: readonly Tensor[] | null,
  tensors: readonly DenseTensor[],
): Effect[] {
  if (!sums) return tensors.map(unknownEffect);
  const [still, ...moved] = sums;
  const changes = tensors
    .map((tensor, k) => ({ tensor, ...changeBetween(still, moved[k]) }))
    .filter(({ count }) => count > 0)
    .sort((a, b) => a.norm - b.norm || 0);
  return changes.map((change, k) => ({
    tensor: change.tensor,
    outdoes: changes
      .slice(0, k)
      .filter((weaker) => within(weaker, change))
      .map(({ tensor }) => tensor.name),
    change,
  }));
}

/** The effect of a tensor whose site cannot be run alone. */
export const unknownEffect = (tensor: DenseTensor): Effect => ({
  ...{ tensor, outdoes: [], change: null },
});

/** A site's sum at a point, then with each of the tensors displaced; null if its nodes do not run. */
export const sumsAt = (
  at: SiteAtPoint,
  tensors: readonly DenseTensor[],
  displaced: (tensor: DenseTensor) => Tensors,
): Promise<readonly Tensor[] | null> =>
  runSums(at.ort, at.result, at.inserted.site, setsAt(at, tensors.map(displaced)));

/** What a site's nodes are given at a point, then with each of some tensors in place of its own. */
export function setsAt(
  { inserted, point }: Pick<SiteAtPoint, "inserted" | "point">,
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
  let count = 0;
  let squares = 0;
  for (let k = 0; k < bits.length; k++) {
    if (bits[k] === before[k]) continue;
    count++;
    const by = numbers[k] - numbersBefore[k];
    squares += by * by;
  }
  const norm = Number.isNaN(squares) ? Infinity : Math.sqrt(squares);
  const isPartial = count > 0 && count < bits.length;
  return { where: isPartial ? placesApart(before, bits) : null, count, norm };
}

function placesApart(before: Bits, bits: Bits): Uint8Array {
  const where = new Uint8Array(bits.length);
  for (let k = 0; k < bits.length; k++) where[k] = bits[k] === before[k] ? 0 : 1;
  return where;
}

type Bits = Uint16Array | Uint32Array | BigUint64Array;

/** The bits of each element. */
function bitsOf({ data }: Tensor): Bits {
  const { buffer, byteOffset, byteLength } = data as unknown as ArrayBufferView;
  const size = (data as Float32Array).BYTES_PER_ELEMENT;
  const View = { 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array }[size]!;
  return new View(buffer as ArrayBuffer, byteOffset, byteLength / size);
}

/** Whether the second changes what the first does, but for what is lost in rounding. */
export function within(a: Movement, b: Movement): boolean {
  const [{ where }, { where: others }] = [a, b];
  let missed = 0;
  if (b.count === 0) missed = a.count;
  else if (others && where)
    for (let k = 0; k < where.length; k++) missed += where[k] > others[k] ? 1 : 0;
  else if (others) missed = a.count - b.count;
  return missed <= ROUNDED * a.count;
}
