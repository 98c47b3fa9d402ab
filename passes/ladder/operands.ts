import { checkArgument } from "../../src/arguments.ts";
import { groupBy } from "../../src/entry.ts";
import type { Node, Value } from "../../src/graph/graph.ts";
import { visible } from "../../src/graph/scopes.ts";
import { behind } from "../../src/graph/walk.ts";
import type { Model } from "../../src/model.ts";
import { laurelizations, siteNameIn, sitesOf } from "../laurelize/manifest.ts";
import type { ManifestSite, Site } from "../residuals/residual.ts";

/** Throws a TypeError of one sentence if an argument is not a result of `findResiduals`. */
export function checkFound(of: string, given: unknown): void {
  const fits =
    typeof given === "object" && given !== null && "sites" in given && "lowered" in given;
  checkArgument(of, given, fits, "a result of findResiduals");
}

/**
 * Returns a function that gives what belongs to a site, of lists of what belongs to recorded sites.
 * A site is the recorded one if it has its name or, because a composite node may be plain nodes in
 * the result, if its sum is the same value.
 */
export function bySite<T>(
  entries: readonly (readonly [ManifestSite, T])[],
): (site: SumOfSite) => readonly T[] {
  const names = groupBy(entries, ([{ name }]) => name);
  const outputs = groupBy(entries, ([{ output }]) => output);
  return ({ name, output }) =>
    (names.get(name) ?? (output && outputs.get(output.name)) ?? []).map(([, entry]) => entry);
}

/** A site by its name, and by its sum if that is known. */
export type SumOfSite = Pick<Site, "name"> & Partial<Pick<Site, "output">>;

/** Reads what laurelize has inserted from a model's metadata. */
export function insertedInto({ metadata }: Model) {
  const records = sitesOf(laurelizations(metadata));
  const names = new Set(records.map(({ name }) => name));
  return {
    /** What the metadata records of a site, first to last. */
    recordsOf: bySite(records.map((record) => [record, record] as const)),
    /** Whether a node was inserted, at whatever site. */
    has: ({ outputs: [first] }: Node) => names.has(siteNameIn(first?.name ?? "") ?? ""),
  };
}

/** Returns a site's skip and branches as they are before what laurelize has inserted. */
export function plainOperands(
  site: Site,
  inserted: ReturnType<typeof insertedInto>,
): { readonly skip: Value; readonly branches: readonly Value[] } {
  const [first] = inserted.recordsOf(site);
  const skip = (first && visible(site.scope, first.skip)) ?? site.skip.value;
  return { skip, branches: site.branches.map(({ value }) => behind(value, inserted.has)) };
}
