import { uniform } from "../../src/graph/random.ts";
import type { Augmented } from "../laurelize/insert.ts";
import type { Plan } from "../laurelize/plan.ts";

/** Sites up to which each is checked. */
const EACH = 200;
/** Sites that stand for all where there are more. */
const SOME = 24;

/** A sample of a plan's sites, which stands for all in the checks that run sites one by one. */
export interface Sample {
  readonly sites: number;
  readonly of: number;
  readonly seed: number;
}

/**
 * The plan with a seeded sample of its sites, if it has hundreds: the first and last of each scope,
 * and others drawn at random. Null if every site is checked.
 */
export function sampled(plan: Plan): { readonly plan: Plan; readonly sample: Sample } | null {
  const { sites, options } = plan;
  if (sites.length <= EACH) return null;
  const chosen = new Set<Augmented>();
  for (const ends of byScope(sites)) {
    chosen.add(ends[0]);
    chosen.add(ends.at(-1)!);
  }
  const next = uniform(options.seed, "sample of sites");
  while (chosen.size < SOME) chosen.add(sites[Math.floor(next() * sites.length)]);
  const some = sites.filter((augmented) => chosen.has(augmented));
  const sample = { sites: some.length, of: sites.length, seed: options.seed };
  return { plan: { ...plan, sites: some }, sample };
}

function byScope(sites: readonly Augmented[]): Iterable<Augmented[]> {
  const scopes = new Map<unknown, Augmented[]>();
  for (const augmented of sites) {
    const { scope } = augmented.site;
    scopes.set(scope, [...(scopes.get(scope) ?? []), augmented]);
  }
  return scopes.values();
}
