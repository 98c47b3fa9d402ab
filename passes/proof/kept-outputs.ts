import { freeMemory } from "#node";
import { InputError } from "../../src/errors.ts";
import type { Tensors } from "../../src/ort/session.ts";

/**
 * Sets of outputs that a proof holds at once, for each set of inputs: two models at two levels.
 * One more is held to see whether the model draws at random.
 */
const [EACH, MORE] = [4, 1];

/**
 * Throws an InputError if the outputs of a proof on so many sets of inputs would not fit into
 * memory, each as large as these. Only a run shows the size of an output that a value decides.
 */
export function checkKept(name: string, outputs: Tensors, rounds: number): void {
  const free = freeMemory();
  const bytes = Object.values(outputs)
    .map(({ data }) => (data as Partial<Float32Array>).byteLength ?? 0)
    .reduce((a, b) => a + b, 0);
  const needed = bytes * (EACH * rounds + MORE);
  if (free === null || needed <= free) return;
  const gigabytes = (size: number) => `${(size / 1e9).toFixed(1)} GB`;
  throw new InputError(
    `proving ${name} compares outputs of ${gigabytes(bytes)} a run, which takes about ${gigabytes(needed)} of memory, but only ${gigabytes(free)} are free; give smaller inputs with --inputs, sizes with --dim, or pass --prove sites.`,
  );
}
