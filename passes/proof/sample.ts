import { groupBy } from "../../src/entry.ts";
import type { Use } from "../../src/graph/graph.ts";
import type { NewContents } from "../../src/graph/patch-contents.ts";
import { uniform } from "../../src/graph/random.ts";
import { walk } from "../../src/graph/walk.ts";
import type { InsertedSite } from "../laurelize/insert.ts";
import type { Plan } from "../laurelize/plan.ts";

/** Number of sites up to which each is checked. */
const EACH = 200;
/** Number of sites in a sample of more. */
const SOME = 24;

/** Whether a plan has hundreds of sites. */
export const hasManySites = ({ sites }: Plan) => sites.length > EACH;

/** A sample of a plan's sites, on which the checks of single sites run. */
export interface Sample {
  readonly sites: number;
  readonly of: number;
  readonly seed: number;
}

/**
 * Returns the plan of a seeded sample of a plan's sites, if there are more than 200: the first and
 * last of each scope, and others drawn at random. Its patch changes only these sites. Returns null
 * if every site is checked.
 */
export function sampledPlan(plan: Plan): { readonly plan: Plan; readonly sample: Sample } | null {
  const { sites, options } = plan;
  if (!hasManySites(plan)) return null;
  const chosen = new Set<InsertedSite>();
  for (const ends of groupBy(sites, ({ site }) => site.scope).values()) {
    chosen.add(ends[0]);
    chosen.add(ends.at(-1)!);
  }
  const next = uniform(options.seed, "sample of sites");
  while (chosen.size < SOME) chosen.add(sites[Math.floor(next() * sites.length)]);
  const some = sites.filter((inserted) => chosen.has(inserted));
  const sample = { sites: some.length, of: sites.length, seed: options.seed };
  return { plan: { ...plan, sites: some, patch: patchAt(plan.patch, some) }, sample };
}

/** Returns the part of a patch that changes these sites: their redirected slots and what these slots now read. */
function patchAt(patch: NewContents, sites: readonly InsertedSite[]): NewContents {
  const slots = new Set<Use>(
    sites.flatMap(({ site: { skip, branches, bias } }) =>
      [skip, ...branches, ...(bias ? [bias] : [])].map(({ use }) => use),
    ),
  );
  const redirects = patch.redirects.filter(({ use }) => slots.has(use));
  const makers = new Map(
    patch.nodes.flatMap((insertion) =>
      insertion.node.outputs.map((name) => [name, insertion] as const),
    ),
  );
  const inputsOf = (name: string) => makers.get(name)?.node.inputs ?? [];
  const read = new Set(
    walk(
      redirects.map(({ name }) => name),
      inputsOf,
    ),
  );
  return {
    ...patch,
    redirects,
    nodes: patch.nodes.filter(({ node }) => node.outputs.some((name) => read.has(name))),
    tensors: patch.tensors.filter(({ name }) => read.has(name)),
  };
}
