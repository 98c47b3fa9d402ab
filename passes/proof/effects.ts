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
  /** What it does to the sum, for the weakest of the site's; null if it is not kept or known. */
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
  readonly where: Uint8Array;
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
  if (tensors.length === 0) return [];
  const sums = await sumsAt(at, tensors, displaced);
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
    change: k === 0 ? change : null,
  }));
}

/** The effect of a tensor whose site cannot be run alone. */
export const unknownEffect = (tensor: DenseTensor): Effect => ({
  ...{ tensor, outdoes: [], change: null },
});

/** A site's sum at a point, then with each of the tensors displaced; null if its nodes do not run. */
export function sumsAt(
  { ort, result, inserted, point }: SiteAtPoint,
  tensors: readonly DenseTensor[],
  displaced: (tensor: DenseTensor) => Tensors,
): Promise<readonly Tensor[] | null> {
  const given = new Set([
    ...operandNames([inserted]),
    ...Object.values(inserted.parameters).map(({ name }) => name),
  ]);
  const at = Object.fromEntries(Object.entries(point).filter(([name]) => given.has(name)));
  const sets = [at, ...tensors.map((tensor) => ({ ...at, ...displaced(tensor) }))];
  return runSums(ort, result, inserted.site, sets);
}

/** Compares two values of a sum, bit by bit. */
export function changeBetween(still: Tensor, moved: Tensor): Movement {
  const [before, bits] = [bitsOf(still), bitsOf(moved)];
  const [numbersBefore, numbers] = [numbersIn(still), numbersIn(moved)];
  const where = new Uint8Array(bits.length);
  let [count, squares] = [0, 0];
  for (let k = 0; k < bits.length; k++) {
    if (bits[k] === before[k]) continue;
    where[k] = 1;
    count++;
    squares += (numbers[k] - numbersBefore[k]) ** 2;
  }
  const norm = Number.isNaN(squares) ? Infinity : Math.sqrt(squares);
  return { where, count, norm };
}

/** The bits of each element. */
function bitsOf({ data }: Tensor): Uint16Array | Uint32Array | BigUint64Array {
  const { buffer, byteOffset, byteLength } = data as unknown as ArrayBufferView;
  const size = (data as Float32Array).BYTES_PER_ELEMENT;
  const View = { 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array }[size]!;
  return new View(buffer as ArrayBuffer, byteOffset, byteLength / size);
}

/** Whether the second changes what the first does, but for what is lost in rounding. */
export function within(a: Movement, b: Movement): boolean {
  let missed = 0;
  for (let k = 0; k < a.where.length; k++) if (a.where[k] > b.where[k]) missed++;
  return missed <= ROUNDED * a.count;
}
