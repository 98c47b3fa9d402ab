import { groupBy } from "../../src/graph/group-by.ts";
import type { LadderRejection } from "./ladder.ts";

/** Rejected sums that one tick stands for. */
export interface Tick {
  readonly sums: readonly LadderRejection[];
}

/** Most ticks between two sites. */
const TICKS = 16;

/** With at least this many rejected sums, those with the same reason share a tick. */
const MANY = 120;

/**
 * Returns the ticks before each site, and after the last one. If there are many sums, or too many
 * in one gap, those with one reason share a tick.
 */
export function ticksBefore(rejected: readonly LadderRejection[], sites: number): Tick[][] {
  const gaps = Array.from({ length: sites + 1 }, (): LadderRejection[] => []);
  for (const sum of rejected) gaps[Math.min(sum.depth, sites)].push(sum);
  return gaps.map((sums) => {
    if (rejected.length <= MANY && sums.length <= TICKS)
      return sums.map((sum) => ({ sums: [sum] }));
    const byCode = groupBy(sums, ({ code }) => code);
    const ticks = [...byCode.values()].map((sums): Tick => ({ sums }));
    if (ticks.length <= TICKS) return ticks;
    return [...ticks.slice(0, TICKS - 1), { sums: ticks.slice(TICKS - 1).flatMap((t) => t.sums) }];
  });
}
