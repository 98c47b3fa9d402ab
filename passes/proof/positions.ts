import type { Tensor } from "onnxruntime-common";
import { uniform } from "../../src/graph/random.ts";
import { elements } from "../../src/onnx/dtypes.ts";
import { placesIn } from "../../src/ort/broadcast.ts";
import { numbersIn } from "../../src/ort/tensors.ts";
import type { InsertedSite } from "../laurelize/insert.ts";

/** Elements of a sum that are compared with the formula, all features of a position together. */
const COMPARED = 1 << 12;
/** Positions that are compared, whatever their features. */
const LEAST = 16;

/** Some positions of a sum: where the first feature of each lies, and how far apart features lie. */
interface Positions {
  readonly starts: Uint32Array;
  readonly size: number;
  readonly inner: number;
}

/** All positions of a sum, or a seeded sample of those of a large one. */
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

/** Values at some positions: a row for each feature. `places` says where each is, if not in order. */
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

/** Values of a tensor at some positions of a larger shape, by numpy's rules. */
export const broadcastAt = (tensor: Tensor, shape: readonly number[], positions: Positions) =>
  numbersAt(tensor, positions, placesIn(tensor.dims, shape));
