import { checkArgument } from "../../src/arguments.ts";
import type { Node, Value } from "../../src/graph/graph.ts";
import { visible } from "../../src/graph/scopes.ts";
import type { Model } from "../../src/model.ts";
import { laurelizations } from "../laurelize/manifest.ts";
import type { ManifestSite, Site } from "../residuals/residual.ts";

/** Throws a TypeError of one sentence if an argument is not a result of `findResiduals`. */
export function checkFound(of: string, given: unknown): void {
  const fits =
    typeof given === "object" && given !== null && "sites" in given && "lowered" in given;
  checkArgument(of, given, fits, "a result of findResiduals");
}

/**
 * Returns a function that gives what belongs to a site, of lists of what belongs to recorded sites.
 * A site is the recorded one if it has its name, otherwise if its sum is the same value: what was a
 * composite node in the original may be plain nodes in the result.
 */
export function bySite<T>(
  entries: Iterable<readonly [ManifestSite, T]>,
): (site: SumOfSite) => readonly T[] {
  const names = new Map<string, T[]>();
  const outputs = new Map<string, T[]>();
  for (const [{ name, output }, entry] of entries)
    for (const [map, key] of [[names, name] as const, [outputs, output] as const])
      map.set(key, [...(map.get(key) ?? []), entry]);
  return ({ name, output }) => names.get(name) ?? (output && outputs.get(output.name)) ?? [];
}

/** A site by its name, and by its sum if that is known. */
export type SumOfSite = Pick<Site, "name"> & Partial<Pick<Site, "output">>;

/** What laurelize has inserted into a model. */
interface InsertedNodes {
  /** What the metadata records of a site, first to last. */
  readonly recordsOf: (site: Site) => readonly ManifestSite[];
  /** Whether a node was inserted, at whatever site. */
  readonly has: (node: Node) => boolean;
}

const MARK = ".laurel.";

/** Reads what laurelize has inserted from a model's metadata. */
export function insertedInto({ metadata }: Model): InsertedNodes {
  const records = laurelizations(metadata).flatMap((one) => one?.sites ?? []);
  const names = new Set(records.map(({ name }) => name));
  return {
    recordsOf: bySite(records.map((record) => [record, record] as const)),
    has: ({ outputs }) => {
      const [first] = outputs;
      const at = first?.name.lastIndexOf(MARK) ?? -1;
      return at >= 0 && names.has(first!.name.slice(0, at));
    },
  };
}

/** Returns a site's skip and branches as they are before what laurelize has inserted. */
export function plainOperands(
  site: Site,
  inserted: InsertedNodes,
): { readonly skip: Value; readonly branches: readonly Value[] } {
  const [first] = inserted.recordsOf(site);
  const skip = (first && visible(site.scope, first.skip)) ?? site.skip.value;
  const branches = site.branches.map(({ value }) => {
    let at = value;
    while (at.producer && inserted.has(at.producer) && at.producer.inputs[0])
      at = at.producer.inputs[0];
    return at;
  });
  return { skip, branches };
}
