import { digits } from "./details.ts";
import type { LadderSite } from "./ladder.ts";
import type { LagWeights } from "./laurel-weights.ts";
import { ADVANCE } from "./layout.ts";
import { factorClass } from "./palette.ts";
import { shortened } from "./svg-text.ts";

/** Text of a site in one column, and its color if that means something. */
export interface Cell {
  readonly text: string;
  readonly mark?: string;
}

/** A column beside the rungs. */
export interface LadderColumn {
  readonly head: string;
  readonly x: number;
  readonly cell: (site: LadderSite) => Cell;
}

const LONGEST = 46;
const LAGS = 4;
const GAP = 22;

/** Width of the bars that compare ‖x‖ with ‖f‖. */
export const BAR = 64;

/** Returns the columns that have something to say, and their right edge. */
export function columnsOf(sites: readonly LadderSite[], from: number, font: number) {
  const columns: LadderColumn[] = [];
  let x = from;
  for (const [head, cell] of CELLS) {
    const longest = Math.max(0, ...sites.map((site) => cell(site).text.length));
    if (longest === 0) continue;
    columns.push({ head, x, cell });
    x += Math.max(longest, head.length) * font * ADVANCE + GAP;
  }
  const measured = sites.some(({ norms }) => norms);
  const barX = measured ? x : null;
  return { columns, barX, right: measured ? x + BAR + 60 : x - GAP };
}

const CELLS: readonly (readonly [head: string, cell: LadderColumn["cell"]])[] = [
  ["branch f", ({ label }) => ({ text: shortened(label, LONGEST) })],
  ["site", ({ name }) => ({ text: shortened(name, LONGEST), mark: "muted" })],
  ["α", (site) => factorCell(site, "alpha")],
  ["β", (site) => factorCell(site, "beta")],
  ["γ", (site) => lagCell(site, ({ gamma }) => gamma)],
  ["‖AB‖", (site) => lagCell(site, ({ norm }) => norm)],
];

/** Returns the factor of a site's branch or skip, over all insertions; null if it has none. */
export function factorOf({ laurel }: LadderSite, which: "alpha" | "beta"): number | null {
  const factors = laurel.flatMap((one) => one[which]?.mean ?? []);
  return factors.length > 0 ? factors.reduce((product, factor) => product * factor, 1) : null;
}

function factorCell(site: LadderSite, which: "alpha" | "beta"): Cell {
  const factor = factorOf(site, which);
  if (factor === null) return { text: "" };
  const text = Number.isFinite(factor) ? factor.toFixed(3) : digits(factor);
  return { text, mark: factorClass(factor) };
}

function lagCell({ laurel }: LadderSite, of: (lag: LagWeights) => number | null): Cell {
  const values = laurel.flatMap(({ lags }) => lags.flatMap((lag) => of(lag) ?? []));
  const shown = values.slice(0, LAGS).map((value) => digits(Number(value.toPrecision(2))));
  return { text: [...shown, ...(values.length > LAGS ? ["…"] : [])].join(" ") };
}
