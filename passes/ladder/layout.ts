import { groupBy } from "../../src/entry.ts";
import type { Ladder, LadderRejection, LadderSite } from "./ladder.ts";

/** Width of a character of the drawing's font, in parts of its size. */
export const ADVANCE = 0.61;

const MARGIN = 16;
/** Height of the title, the counts, the legend and the heads of the columns. */
const HEAD = 130;
/** Distance between two ticks. */
export const TICK = 5;

/** Distances of rungs by the number of sites, and the size of their text. */
const DISTANCES = [
  { sites: 8, rung: 62, font: 13 },
  { sites: 24, rung: 38, font: 12 },
  { sites: 64, rung: 25, font: 12 },
  { sites: 128, rung: 17, font: 11 },
  { sites: 420, rung: 12.5, font: 10 },
] as const;

/** Height of the rungs of a longer ladder, in which not every rung has a text. */
const LONG = 5000;

/** One rung: where its sum, its branch and its rail are. */
export interface Rung {
  readonly site: LadderSite;
  /** The rail. */
  readonly x: number;
  /** The sum. */
  readonly y: number;
  /** Where the skip leaves the stream: below the previous sum. */
  readonly from: number;
  /** Where the rail of this rung begins: at the previous sum, or at the head of the stream. */
  readonly top: number;
  /** Where its text stands. */
  readonly text: number;
  readonly hasText: boolean;
}

/** The head of a stream. */
export interface StreamHead {
  readonly first: LadderSite;
  readonly x: number;
  readonly y: number;
}

/** Ticks of rejected sums in one gap. */
export interface Gap {
  readonly ticks: readonly Tick[];
  readonly y: number;
}

/** Where everything of a drawing is. */
export interface Layout {
  readonly rungs: readonly Rung[];
  readonly heads: readonly StreamHead[];
  readonly gaps: readonly Gap[];
  readonly rung: number;
  readonly font: number;
  /** How far a branch reaches to the right of its rail. */
  readonly reach: number;
  /** Left edges. */
  readonly ticksX: number;
  readonly textX: number;
  readonly headHeight: number;
  readonly top: number;
  readonly bottom: number;
  readonly margin: number;
}

/** Places the rungs of a ladder, one below the other. */
export function layoutOf({ sites, rejected }: Ladder): Layout {
  const few = DISTANCES.find((each) => sites.length <= each.sites);
  const { rung, font } = few ?? { rung: Math.max(2.5, LONG / sites.length), font: 9 };
  const { laneOf, count } = lanesOf(sites);
  const gaps = ticksBefore(rejected, sites.length);
  const ticks = Math.max(0, ...gaps.map(({ length }) => length));
  const lags = Math.max(0, ...sites.flatMap(({ laurel }) => laurel.map((one) => one.lags.length)));
  const left = MARGIN + (ticks > 0 ? Math.max(ticks * TICK, 20) + 14 : 0) + lagReach(lags, rung);
  const reach = count === 1 ? Math.min(58, rung * 1.15) : Math.min(26, rung);
  const pitch = Math.max(30, reach + 8) + (count > 1 ? lagReach(lags, rung) : 0);
  const railX = (stream: number) => left + laneOf.get(stream)! * pitch;
  const headHeight = Math.max(14, Math.min(26, rung * 0.8));
  const step = Math.ceil((font + 1) / rung);
  const rungs: Rung[] = [];
  const heads: StreamHead[] = [];
  const before = new Map<number, number>();
  const placed: Gap[] = [];
  let y = HEAD;
  for (const [k, site] of sites.entries()) {
    const x = railX(site.stream);
    const start = y;
    if (!before.has(site.stream)) {
      y += headHeight;
      heads.push({ first: site, x, y: y - headHeight * 0.32 });
      before.set(site.stream, y - headHeight * 0.05);
    }
    const top = before.get(site.stream)!;
    y += rung;
    const from = Math.max(top + Math.min(3, rung * 0.15), y - rung * 0.8);
    rungs.push({ site, x, y, from, top, text: (from + y) / 2, hasText: k % step === 0 });
    before.set(site.stream, y + sumRadius(rung));
    placed.push({ ticks: gaps[k], y: (start + y) / 2 });
  }
  placed.push({ ticks: gaps[sites.length], y: y + 14 });
  const textX = left + (count - 1) * pitch + reach + 16;
  const bottom = y + Math.max(26, rung * 0.7);
  const edges = { ticksX: MARGIN + 4, textX, headHeight, top: HEAD, bottom, margin: MARGIN };
  return { rungs, heads, gaps: placed, rung, font, reach, ...edges };
}

/** Returns the radius of the circle of a sum. */
export const sumRadius = (rung: number): number => Math.max(1.8, Math.min(7, rung * 0.17));

const lagReach = (lags: number, rung: number): number =>
  lags === 0 ? 8 : lagWidth(lags - 1, rung) + 10;

/** Returns how far the arc of one lag reaches. */
export const lagWidth = (lag: number, rung: number): number =>
  Math.min(16, Math.max(7, rung * 0.35)) + Math.min(lag, 8) * 9;

/** Most lanes side by side; further streams share them. */
const LANES = 12;

/** Returns the lane of each stream: those that overlap in depth lie side by side. */
function lanesOf(sites: readonly LadderSite[]) {
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

/** Rejected sums that one tick stands for. */
export interface Tick {
  readonly sums: readonly LadderRejection[];
}

const TICKS = 16;

/** With at least this many rejected sums, those with the same reason share a tick. */
const MANY = 120;

/** Returns the ticks before each site and after the last. Many sums of one reason share a tick. */
function ticksBefore(rejected: readonly LadderRejection[], sites: number): Tick[][] {
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
