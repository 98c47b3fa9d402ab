import { patched } from "../../src/model.ts";
import type { Ort } from "../../src/ort/session.ts";
import { type Specialized, specialize } from "../gradient/specialize.ts";
import { callsBehind } from "../losses/final-activation.ts";
import { inlined } from "../lower/inline.ts";
import type { OutputForLoss } from "./output-for-loss.ts";
import type { TrainedWeight } from "./trained-weights.ts";

/**
 * Replaces the calls of the model's own functions that make the outputs of losses by their bodies, so
 * that an activation inside them is seen.
 */
export async function withoutCalls(
  given: Specialized,
  ort: Ort,
  find: (specialized: Specialized) => readonly OutputForLoss[],
  weights: readonly TrainedWeight[],
): Promise<Specialized> {
  let now = given;
  for (;;) {
    const calls = new Set(find(now).flatMap(({ value }) => callsBehind(value)));
    const written = calls.size > 0 ? inlined(now.model.graph, (node) => calls.has(node)) : null;
    if (!written) return now;
    const free = weights.map(({ name }) => name);
    now = await specialize(await patched(now.model.graph, written.patch), ort, { free });
  }
}
