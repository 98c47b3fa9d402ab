import { type FoldPlan, keyOf } from "./draft.ts";
import { type Factor, isOne, isPositive } from "./factor.ts";
import { type Why, why } from "./reasons.ts";
import type { MapTerm } from "./site-terms.ts";
import type { Edge, FoldSite } from "./sites.ts";

/** What became of a site. */
export interface FoldedSite {
  readonly site: string;
  /** "plain": nothing is left of it; "low-rank": its maps alone; "kept": a factor too. */
  readonly outcome: "plain" | "low-rank" | "kept";
  /** α: it was 1, went into weights, or is multiplied at run time. */
  readonly alpha: "none" | "folded" | "kept";
  /** β: it was 1, the stream was rescaled, it is multiplied where a reader blocks it, or at the sum. */
  readonly beta: "none" | "folded" | "moved" | "kept";
  /** Low-rank maps and earlier skips: none, in the projection, or computed at run time. */
  readonly map: "none" | "folded" | "kept";
  /** Why something is left. */
  readonly reasons: readonly Why[];
}

interface Done {
  readonly plan: FoldPlan;
  /** The plan in which no site keeps its β. */
  readonly free: FoldPlan;
  readonly mixed: ReadonlySet<MapTerm>;
}

/** Returns what became of a site, and why something of it is left. */
export function siteReport(site: FoldSite, { plan, free, mixed }: Done): FoldedSite {
  const { name, skip, branches, closed } = site;
  const kept = (edge: Edge) => closed !== null || plan.left.has(keyOf(edge.use));
  const state = (is: boolean, keeps: boolean) => (!is ? "none" : keeps ? "kept" : "folded");
  const own: Factor = skip.coefficient;
  const maps = [...skip.maps, ...skip.lags];
  const wholly = skip.maps.length > 0 && skip.maps.every((term) => mixed.has(term));
  const betaKept = kept(skip);
  const blocked = plan.blocked.get(name);
  const moved = blocked !== undefined && !betaKept && !isOne(own);
  const reasons: Why[] = moved ? [blocked] : [];
  if (closed) reasons.push(closed);
  for (const edge of branches) {
    const left = plan.left.get(keyOf(edge.use));
    if (left?.why) reasons.push(left.why);
  }
  if (betaKept && !closed) {
    const left = plan.left.get(keyOf(skip.use))!;
    reasons.push(
      left.why?.code === "rounding"
        ? left.why
        : !isPositive(own)
          ? why("not-positive")
          : (free.blocked.get(name) ?? plan.blocked.get(name) ?? why("output")),
    );
  }
  if (skip.lags.length > 0) reasons.push(why("lags"));
  const mapKept = maps.length > 0 && !wholly;
  if (mapKept) reasons.push(why("rank-needed"));
  const states = {
    alpha: state(
      branches.some(({ coefficient }) => !isOne(coefficient)),
      branches.some(kept),
    ),
    beta: moved ? ("moved" as const) : state(!isOne(own), betaKept),
    map: state(maps.length > 0, !wholly),
  } as const;
  const factor = states.alpha === "kept" || moved || betaKept;
  const outcome = factor ? "kept" : mapKept ? "low-rank" : "plain";
  return { site: name, outcome, ...states, reasons };
}

/** Reports a site that is a plain sum again, or is left as it is. */
export const untouchedSite = ({ name, closed, idle }: FoldSite, restored: boolean): FoldedSite => {
  const state = restored || idle ? "none" : "kept";
  const outcome = restored ? "plain" : "kept";
  const reasons = restored || !closed ? [] : [closed];
  return { site: name, outcome, alpha: state, beta: state, map: state, reasons };
};
