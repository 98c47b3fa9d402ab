import { patched } from "../../src/model.ts";
import type { Ort } from "../../src/ort/session.ts";
import { type Settled, settled } from "../gradient/specialize.ts";
import { callsBehind } from "../losses/final-activation.ts";
import { inlined } from "../lower/inline.ts";
import type { Trainable } from "./factors.ts";
import type { JudgedOutput } from "./judged-output.ts";

/**
 * Writes the bodies of the model's own functions in place of the calls that make the judged output,
 * so that an activation inside them is seen.
 */
export async function withoutCalls(
  given: Settled,
  ort: Ort,
  find: (settled: Settled) => JudgedOutput,
  weights: readonly Trainable[],
): Promise<Settled> {
  let now = given;
  for (;;) {
    const calls = new Set(callsBehind(find(now).value));
    const found = calls.size > 0 ? inlined(now.model.graph, (node) => calls.has(node)) : null;
    if (!found) return now;
    const free = weights.map(({ name }) => name);
    now = await settled(await patched(now.model.graph, found.patch), ort, {}, free);
  }
}
