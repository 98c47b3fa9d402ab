import { checkArgument } from "../../src/arguments.ts";
import type { Node, Value } from "../../src/graph/graph.ts";
import { visible } from "../../src/graph/scopes.ts";
import type { Model } from "../../src/model.ts";
import { laurelizations } from "../laurelize/manifest.ts";
import type { ManifestSite, Site } from "../residuals/residual.ts";

/** Throws a TypeError of one sentence if an argument is not a result of `findResiduals`. */
export function checkFound(of: string, given: unknown): void {
  const fits = typeof given === "object" && given !== null && "sites" in given && "opened" in given;
  checkArgument(of, given, fits, "a result of findResiduals");
}

/** Returns a function that gives what a model's metadata records of a site, first to last. */
export function recordsOf({ metadata }: Model): (site: Site) => readonly ManifestSite[] {
  const known = new Map<string, ManifestSite[]>();
  for (const one of laurelizations(metadata))
    for (const record of one?.sites ?? [])
      known.set(record.name, [...(known.get(record.name) ?? []), record]);
  return ({ name }) => known.get(name) ?? [];
}

/** Whether laurelize has inserted a node at a site. */
export const isInserted = ({ outputs }: Node, { name }: Site) =>
  outputs[0]?.name.startsWith(`${name}.laurel.`) ?? false;

/** Returns a site's skip and branches as they are before what laurelize has inserted. */
export function plainOperands(
  site: Site,
  records: readonly ManifestSite[],
): { readonly skip: Value; readonly branches: readonly Value[] } {
  const [first] = records;
  const skip = (first && visible(site.scope, first.skip)) ?? site.skip.value;
  const branches = site.branches.map(({ value }) => {
    let at = value;
    while (at.producer && isInserted(at.producer, site) && at.producer.inputs[0])
      at = at.producer.inputs[0];
    return at;
  });
  return { skip, branches };
}
