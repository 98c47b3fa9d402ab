import type { Npz, StoredArray } from "../../src/formats/npz.ts";
import { arrayAtHand } from "./array-file.ts";
import type { Expected } from "./expected.ts";

/** What exporters call the keys and values of earlier tokens that a decoder reads of its own. */
const PAST = /^past([._]|_?key|$)(?!.*encoder)/;

/**
 * Returns the cache of a decoder that has seen no token yet, for an input that the data lacks. Null
 * if the input is not a cache, or if several of its dimensions are free beside the batch.
 */
export function emptyCache(
  npz: Npz,
  { name, dtype, shape }: Expected,
  arrays: readonly Expected[],
): StoredArray | null {
  if (!PAST.test(name) || !shape || !dtype) return null;
  for (const other of arrays) {
    const batch = other.shape?.[0];
    const axis = typeof batch === "string" ? shape.indexOf(batch) : shape[0] === batch ? 0 : -1;
    if (batch === undefined || axis < 0 || !npz.names.includes(other.name)) continue;
    const [rows] = npz.array(other.name).dims;
    const dims = shape.map((size, k) => (k === axis ? rows : typeof size === "number" ? size : 0));
    if (dims.filter((size) => size === 0).length === 1)
      return arrayAtHand({ name, dtype, dims }, 0, () => new Uint8Array());
  }
  return null;
}
