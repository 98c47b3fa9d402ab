import type { Tensor } from "onnxruntime-common";
import { uniform } from "../../src/graph/random.ts";
import { elements } from "../../src/onnx/dtypes.ts";
import { placesIn } from "../../src/ort/broadcast.ts";
import { numbersIn } from "../../src/ort/tensors.ts";
import type { InsertedSite } from "../laurelize/insert.ts";

/** Elements of a sum that are compared with the formula, all features of a position together. */
const COMPARED = 1 << 12;
/** Minimum number of positions that are compared, however many features they have. */
const LEAST = 16;

/** Positions of a sum: the index of each one's first feature, and the distance between features. */
interface Positions {
  readonly starts: Uint32Array;
  readonly size: number;
  readonly inner: number;
}

/** Returns all positions of a sum, or a seeded sample if there are many. */
export function positionsOf(
  shape: readonly number[],
  { site, place }: InsertedSite,
  seed: number,
): Positions {
  const { axis, size } = place.feature;
  const inner = elements(shape.slice(axis + 1));
  const count = elements(shape.slice(0, axis)) * inner;
  const most = Math.max(LEAST, Math.floor(COMPARED / size));
  const next = uniform(seed, `${site.name}.positions`);
  const starts = Uint32Array.from({ length: Math.min(count, most) }, (_, k) => {
    const position = count <= most ? k : Math.floor(next() * count);
    return Math.floor(position / inner) * size * inner + (position % inner);
  });
  return { starts, size, inner };
}

/** Returns the values at some positions, a row for each feature; `places` has their indices if not in order. */
export function numbersAt(
  tensor: Tensor,
  { starts, size, inner }: Positions,
  places?: Uint32Array,
): Float64Array {
  const numbers = numbersIn(tensor);
  const values = new Float64Array(size * starts.length);
  for (let [row, k] = [0, 0]; row < size; row++)
    for (const start of starts) {
      const at = start + row * inner;
      values[k++] = numbers[places ? places[at] : at];
    }
  return values;
}

/** Returns the values of a tensor that is broadcast to a shape, by numpy's rules, at some positions. */
export const broadcastAt = (tensor: Tensor, shape: readonly number[], positions: Positions) =>
  numbersAt(tensor, positions, placesIn(tensor.dims, shape));
