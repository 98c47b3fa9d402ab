import { callsBehind } from "../../passes/losses/final-activation.ts";
import type { JudgedOutput } from "../../passes/training/judged-output.ts";
import type { Trainable } from "../../passes/training/trainable.ts";
import { inlined } from "../graph/inline.ts";
import { patched } from "../model.ts";
import type { Ort } from "../runtime/session.ts";
import { type Settled, settled } from "./settled.ts";

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
