import type { Graph, Node, Value } from "../../src/graph/graph.ts";
import { allNodes, labelOf, pathOf } from "../../src/graph/scopes.ts";
import type { Model } from "../../src/model.ts";
import { type LaurelWeights, weightsOfSites } from "../ladder/laurel-weights.ts";
import { laurelSites } from "./laurel-sites.ts";
import type { MatchedModels } from "./matched-models.ts";
import { type Marks, type Neighborhood, neighborhood } from "./neighborhood.ts";
import { type Region, regionsOf } from "./regions.ts";

/** A part of two models that differs, before and after. */
export interface RegionDiff {
  /** The site's name, otherwise that of the first node that differs. */
  readonly name: string;
  /** Whether it is a site of LAuReL in one of the models. */
  readonly isSite: boolean;
  readonly scope: string;
  readonly before: Neighborhood;
  readonly after: Neighborhood;
  /** Number of nodes that only one of the models has. */
  readonly nodes: { readonly added: number; readonly removed: number };
  /** LAuReL's weights of the site in each model, a list of insertions; empty if there is none. */
  readonly laurel: {
    readonly before: readonly LaurelWeights[];
    readonly after: readonly LaurelWeights[];
  };
}

/** A node that only one of two models has, or that differs. */
export interface NodeDiff {
  readonly name: string;
  readonly op: string;
  readonly scope: string;
  /** The values that it writes. */
  readonly outputs: readonly string[];
  readonly change: "added" | "removed" | "changed";
  /** The name of its region; null if it is inside another node that is new or gone. */
  readonly region: string | null;
}

/** Two matched models, and those of their weights that differ. */
interface Compared {
  readonly a: Model;
  readonly b: Model;
  readonly matched: MatchedModels;
  readonly differing: ReadonlySet<Value>;
}

/** Returns the regions that differ, LAuReL's sites first, and each node that does. */
export function regionDiffs(compared: Compared): { regions: RegionDiff[]; nodes: NodeDiff[] } {
  const regions = withAllSites(compared);
  regions.sort((x, y) => Number(x.site === null) - Number(y.site === null));
  const [before, after] = marksOf(compared);
  const [was, is] = [weightsOfSites(compared.a), weightsOfSites(compared.b)];
  const names = new Map(regions.map((region) => [region, nameOf(region)]));
  const diffs = regions.map((region): RegionDiff => {
    const { node, name } = names.get(region)!;
    const count = (nodes: Iterable<Node>, marks: Marks, mark: string) =>
      [...nodes].filter((each) => marks.node(each) === mark).length;
    return {
      name,
      isSite: region.site !== null,
      scope: pathOf(node.scope),
      before: neighborhood(region.before, before),
      after: neighborhood(region.after, after),
      nodes: {
        added: count(region.after, after, "added"),
        removed: count(region.before, before, "removed"),
      },
      laurel:
        region.site === null
          ? { before: [], after: [] }
          : { before: was({ name, previous: null }), after: is({ name, previous: null }) },
    };
  });
  return {
    regions: diffs,
    nodes: nodeDiffs(compared.matched, regions, (each) => names.get(each)!.name),
  };
}

/** Returns the regions that differ, and every site of LAuReL with all of its nodes. */
function withAllSites({ a, b, matched }: Compared): Region[] {
  const [old, sites] = [laurelSites(a), laurelSites(b)];
  const named = [...old, ...sites].flatMap(({ sum, nodes, name }) =>
    [sum, ...nodes].map((node) => [node, name] as const),
  );
  const regions = regionsOf(matched, new Map(named));
  const bySite = new Map(regions.map((region) => [region.site, region]));
  const regionOf = (site: string): Region => {
    const region = bySite.get(site) ?? { site, before: new Set(), after: new Set(), anchors: [] };
    if (!bySite.has(site)) regions.push(region);
    bySite.set(site, region);
    return region;
  };
  for (const [side, all] of [
    ["before", old],
    ["after", sites],
  ] as const)
    for (const { name, sum, nodes } of all) {
      const region = regionOf(name);
      for (const node of [sum, ...nodes]) region[side].add(node);
      const twin = side === "before" ? matched.partners.get(sum) : matched.origins.get(sum);
      if (twin) region[side === "before" ? "after" : "before"].add(twin);
    }
  return regions;
}

function marksOf({ matched, differing }: Compared): [Marks, Marks] {
  const { origins, partners, changed, weights } = matched;
  const changesAfter = (node: Node) => changed.get(node) ?? [];
  const changesBefore = (node: Node) => changesAfter(partners.get(node)!);
  const marks = (
    others: ReadonlyMap<Node, Node>,
    changes: Marks["changes"],
    [alone, values]: readonly ["added" | "removed", ReadonlySet<Value>],
  ): Marks => ({
    node: (node) => (!others.has(node) ? alone : changes(node).length > 0 ? "changed" : "same"),
    weight: (value) => (values.has(value) ? alone : differing.has(value) ? "changed" : "same"),
    changes,
  });
  return [
    marks(partners, changesBefore, ["removed", new Set(weights.lost)]),
    marks(origins, changesAfter, ["added", new Set(weights.added)]),
  ];
}

/** Returns the name of a region and the node that it is named after. */
function nameOf({ site, anchors, before, after }: Region): { name: string; node: Node } {
  const [node] = [...anchors, ...after, ...before];
  return { name: site ?? labelOf(node), node };
}

/** Returns the nodes that differ, in the order of the second model and then of the first. */
function nodeDiffs(
  { a, b, origins, partners, changed }: MatchedModels,
  regions: readonly Region[],
  named: (region: Region) => string,
): NodeDiff[] {
  const owners = new Map<Node, string>();
  for (const region of regions)
    for (const node of [...region.before, ...region.after]) owners.set(node, named(region));
  const list = (graph: Graph, isWanted: (node: Node) => boolean, change: NodeDiff["change"]) =>
    allNodes(graph)
      .filter(isWanted)
      .map((node) => ({
        name: labelOf(node),
        op: node.op,
        scope: pathOf(node.scope),
        outputs: node.outputs.flatMap((value) => value?.name ?? []),
        change,
        region: owners.get(node) ?? null,
      }));
  return [
    ...list(b, (node) => !origins.has(node), "added"),
    ...list(b, (node) => changed.has(node), "changed"),
    ...list(a, (node) => !partners.has(node), "removed"),
  ];
}
