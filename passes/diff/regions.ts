import { tensorOf } from "../../src/graph/constants.ts";
import { type Graph, type Node, outward, readsOf } from "../../src/graph/graph.ts";
import { allNodes } from "../../src/graph/scopes.ts";
import { productsOf, sourcesOf, walk } from "../../src/graph/walk.ts";
import type { MatchedModels } from "./matched-models.ts";

/** A part of two models that belongs together: what was there, and what is there now. */
export interface Region {
  /** The site of LAuReL that it is; null if it is another change. */
  site: string | null;
  readonly before: Set<Node>;
  readonly after: Set<Node>;
  /** Nodes that both models have and that differ, of the second model. */
  readonly anchors: Node[];
}

/** Sites by their nodes: that which holds the sum, and those of LAuReL. */
type SiteNodes = ReadonlyMap<Node, string>;

/**
 * Groups the changes between two models. Each node that differs takes along the new and the removed
 * nodes that it is computed from; what is left belongs together if it is connected.
 */
export function regionsOf(matched: MatchedModels, sites: SiteNodes): Region[] {
  const { changed, origins, partners } = matched;
  const regions: Region[] = [];
  const owners = new Map<Node, Region>();
  const bySite = new Map<string, Region>();
  for (const anchor of allNodes(matched.b).filter((node) => changed.has(node))) {
    const origin = origins.get(anchor)!;
    const added = computedFrom(anchor, origins, owners);
    const removed = computedFrom(origin, partners, owners);
    const own = [anchor, origin, ...added, ...removed];
    const site = own.map((node) => sites.get(node)).find(Boolean) ?? null;
    const region =
      (site === null ? undefined : bySite.get(site)) ??
      [...added, ...removed]
        .filter(({ op, inputs }) => op !== "Constant" && inputs.length > 0)
        .map((node) => owners.get(node))
        .find((other) => other && (!site || !other.site));
    const into = region ?? { site, before: new Set(), after: new Set(), anchors: [] };
    if (!region) regions.push(into);
    into.site ??= site;
    if (into.site !== null) bySite.set(into.site, into);
    into.anchors.push(anchor);
    const take = (nodes: readonly Node[], side: Set<Node>) => {
      for (const node of nodes.filter((each) => !owners.has(each))) {
        owners.set(node, into);
        side.add(node);
      }
    };
    take([anchor, ...added], into.after);
    take([origin, ...removed], into.before);
  }
  return [...regions, ...leftOver(matched, owners, sites)];
}

/** Returns the nodes without counterpart that a node is computed from, up to the first of a region. */
function computedFrom(
  node: Node,
  known: ReadonlyMap<Node, Node>,
  owners: ReadonlyMap<Node, Region>,
): Node[] {
  const sources = (of: Node) =>
    readsOf(of).flatMap(({ producer }) => (producer && !known.has(producer) ? [producer] : []));
  const next = (of: Node) => (owners.has(of) ? [] : sources(of));
  return [...walk(sources(node), next)].filter((each) => each !== node);
}

/** Returns regions of the new and the removed nodes that no node which both models have reads. */
function leftOver(
  { a, b, origins, partners }: MatchedModels,
  owners: ReadonlyMap<Node, Region>,
  sites: SiteNodes,
): Region[] {
  const free = (known: ReadonlyMap<Node, Node>) => (node: Node) =>
    !known.has(node) && !owners.has(node) && !isWithin(node, known);
  return [
    ...components(b, free(origins)).map((nodes) => ({ before: [], after: nodes })),
    ...components(a, free(partners)).map((nodes) => ({ before: nodes, after: [] })),
  ].map(({ before, after }: { before: Node[]; after: Node[] }) => ({
    site: [...before, ...after].map((node) => sites.get(node)).find(Boolean) ?? null,
    before: new Set(before),
    after: new Set(after),
    anchors: [],
  }));
}

/** Whether a node is inside another that has no counterpart, which stands for it. */
const isWithin = ({ scope }: Node, known: ReadonlyMap<Node, Node>) =>
  [...outward(scope)].some(({ owner }) => owner && !known.has(owner));

function components(graph: Graph, isWanted: (node: Node) => boolean): Node[][] {
  const wanted = new Set(allNodes(graph).filter(isWanted));
  const seen = new Set<Node>();
  const near = (node: Node) =>
    node.outputs
      .flatMap((value) => (value ? [...productsOf(value), ...sourcesOf(value)] : []))
      .flatMap(({ producer }) => (producer && wanted.has(producer) ? [producer] : []));
  const regions: Node[][] = [];
  for (const node of wanted) {
    if (seen.has(node)) continue;
    const nodes = [...walk([node], near)];
    for (const each of nodes) seen.add(each);
    if (!nodes.every((each) => each.outputs.every((value) => !value || tensorOf(value))))
      regions.push(nodes.sort((x, y) => x.index - y.index));
  }
  return regions;
}
