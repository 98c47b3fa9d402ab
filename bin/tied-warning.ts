import type { Tied } from "../src/internal.ts";

/** What to know of a weight that the exporter copied. */
export function tiedWarning({ weight, copy, transposed, isTrained }: Tied): string {
  const same = `${weight} and ${copy} hold the same numbers${transposed ? ", transposed" : ""}: the exporter copied a tied weight`;
  return isTrained
    ? `${same}, and each is trained on its own from here.`
    : `${same}, and --train names the first alone; add --train '${copy}' if both are to learn.`;
}
