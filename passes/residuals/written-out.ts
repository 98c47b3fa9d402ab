import type { Value } from "../../src/graph/graph.ts";
import { type Fact, hasFact } from "../../src/graph/operators.ts";
import { walk } from "../../src/graph/walk.ts";
import { computedSources } from "./operators.ts";
import type { KnownValues } from "./residual.ts";

/**
 * Returns the only value that a norm or activation, decomposed or not, reads: where all paths back
 * through its parts end. Returns the value itself if neither makes it; null if the paths end apart.
 */
export function takenOf(
  known: Pick<KnownValues, "constants">,
  value: Value,
  ends: (value: Value) => boolean = () => false,
  parts: readonly Fact[] = ["step"],
): Value | null {
  const isPart = (at: Value) => !ends(at) && hasFact(at.producer?.op, ...parts);
  if (known.constants.has(value)) return null;
  if (!isPart(value)) return value;
  const back = (at: Value) => (isPart(at) ? computedSources(known, at) : []);
  let only: Value | null = null;
  for (const at of walk([value], back)) {
    if (isPart(at)) continue;
    if (only) return null;
    only = at;
  }
  return only;
}

/** Maximum number of values in a decomposed norm. */
const SHORT = 16;

/**
 * Returns the value that a decomposed norm reads: the operand of one of its means, squared or not,
 * if no other path leads back. Returns null if the value is not the result of such a norm.
 */
export function normedOf(known: Pick<KnownValues, "constants">, value: Value): Value | null {
  const isNorm = (at: Value) => hasFact(at.producer?.op, "normstep");
  if (!isNorm(value)) return null;
  const back = (at: Value) => (isNorm(at) ? computedSources(known, at) : []);
  for (const at of walk([value], back, SHORT)) {
    const [mean] = isNorm(at) && hasFact(at.producer!.op, "reduces") ? at.producer!.inputs : [];
    for (const x of [mean, mean?.producer?.op === "Pow" ? mean.producer.inputs[0] : null])
      if (x && x !== value && takenOf(known, value, (v) => v === x, ["normstep"]) === x) return x;
  }
  return null;
}
