import { groupBy } from "../../src/graph/group-by.ts";
import type { Neighborhood } from "./neighborhood.ts";
import type { RegionDiff } from "./region-diffs.ts";

/** Regions up to which each is drawn by itself. */
const EACH = 24;

/**
 * Returns the regions in groups that one drawing shows: each by itself, or if they are many, those
 * with the same operators, wiring and marks together.
 */
export function equalRegions(regions: readonly RegionDiff[]): RegionDiff[][] {
  if (regions.length <= EACH) return regions.map((region) => [region]);
  const groups = groupBy(regions, ({ before, after }) =>
    JSON.stringify([shapeOf(before), shapeOf(after)]),
  );
  return [...groups.values()];
}

const shapeOf = ({ nodes, edges, hidden }: Neighborhood) => [
  nodes.map(({ kind, op, mark, weights }) => [kind, op, mark, weights.map((each) => each.mark)]),
  edges.map(({ from, to }) => [from, to]),
  hidden,
];
