import type { Plain } from "./absorb.ts";
import type { FoldPlan } from "./draft.ts";
import type { FoldSite } from "./sites.ts";
import { rescaled } from "./streams.ts";

/** How many plans are tried, times the nodes that each walks over. */
const EFFORT = 2e6;

/**
 * The plan that leaves the fewest factors: streams are rescaled from every site on, and then single
 * sites keep their β if that is cheaper than what blocks the factor behind them. `free` is the plan
 * in which none does.
 */
export function fewest(plain: Plain, sites: readonly FoldSite[]) {
  const everySite = new Set(sites.map(({ name }) => name));
  const free = rescaled(plain, sites, plain.extent === "all" ? new Set() : everySite);
  if (plain.extent !== "all") return { plan: free, free };
  let best: { plan: FoldPlan; kept: ReadonlySet<string> } = { plan: free, kept: new Set() };
  const consider = (kept: ReadonlySet<string>, atMost = best.plan.cost - 1) => {
    const plan = rescaled(plain, sites, kept);
    if (plan.cost <= atMost) best = { plan, kept };
  };
  if (free.cost > 0) {
    consider(everySite, best.plan.cost);
    const tries = Math.floor(EFFORT / Math.max(1, plain.facts.graph.main.nodes.length));
    for (const { name } of sites.slice(0, tries)) {
      if (best.plan.cost === 0) break;
      const kept = new Set(best.kept);
      if (kept.has(name)) kept.delete(name);
      else kept.add(name);
      consider(kept);
    }
  }
  return { plan: best.plan, free };
}
