import type { Graph, Value } from "../graph/graph.ts";
import { type Finding, finding, placeOf } from "./finding.ts";
import { NUMBERED } from "./matching.ts";
import { initializerOf, type WeightTwins, weightDifference } from "./weight-twins.ts";

const NAMES = 3;

/** Returns weights that the second model has lost or changed, and how many it has in addition. */
export function weightDifferences(
  a: Graph,
  b: Graph,
  { twins, lost, added }: WeightTwins,
): Finding[] {
  const findings: Finding[] = [];
  const note = (where: string, what: string, harmless: boolean, subject?: string) =>
    findings.push({
      ...finding("weight", where, what, harmless),
      ...(subject ? { subject } : {}),
    });
  for (const [value, twin] of twins) {
    const what = weightDifference(a.file, initializerOf(value)!, b.file, initializerOf(twin)!);
    const renamed = twin.name !== value.name;
    const also = renamed ? ` (${twin.name} in the second)` : "";
    const where = `weight ${value.name}${placeOf(value.scope)}`;
    if (what) note(`${where}${also}`, what, false, value.name);
    else if (renamed && !(NUMBERED.test(value.name) && NUMBERED.test(twin.name)))
      note(where, `is named ${twin.name} in the second`, false, value.name);
  }
  if (lost.length > 0)
    note("weights:", `${lost.length} of the first are lost in the second (${some(lost)})`, false);
  if (added.length > 0)
    note("weights:", `${added.length} of the second have no counterpart in the first`, true);
  return findings;
}

/** Returns the names of the first few of some values. */
const some = (values: readonly Value[]) =>
  `${values
    .slice(0, NAMES)
    .map(({ name }) => name)
    .join(", ")}${values.length > NAMES ? ", …" : ""}`;
