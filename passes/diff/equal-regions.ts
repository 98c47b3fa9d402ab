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
  const groups = new Map<string, RegionDiff[]>();
  for (const region of regions) {
    const key = JSON.stringify([shapeOf(region.before), shapeOf(region.after)]);
    const group = groups.get(key);
    if (group) group.push(region);
    else groups.set(key, [region]);
  }
  return [...groups.values()];
}

const shapeOf = ({ nodes, edges, hidden }: Neighborhood) => [
  nodes.map(({ kind, op, mark, weights }) => [kind, op, mark, weights.map((each) => each.mark)]),
  edges.map(({ from, to }) => [from, to]),
  hidden,
];
