import type { LadderSite } from "./ladder.ts";

/** Most lanes side by side; further streams share them. */
const LANES = 12;

/** Returns the lane of each stream: those that overlap in depth lie side by side. */
export function lanesOf(sites: readonly LadderSite[]): {
  readonly laneOf: ReadonlyMap<number, number>;
  readonly count: number;
} {
  const last = new Map<number, number>();
  for (const [row, { stream }] of sites.entries()) last.set(stream, row);
  const laneOf = new Map<number, number>();
  const freeFrom: number[] = [];
  for (const [row, { stream }] of sites.entries()) {
    if (laneOf.has(stream)) continue;
    const free = freeFrom.findIndex((until) => until < row);
    const lane = free >= 0 ? free : freeFrom.length < LANES ? freeFrom.length : stream % LANES;
    laneOf.set(stream, lane);
    freeFrom[lane] = Math.max(freeFrom[lane] ?? 0, last.get(stream)!);
  }
  return { laneOf, count: Math.max(1, freeFrom.length) };
}
