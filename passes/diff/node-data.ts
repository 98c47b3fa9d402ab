import { checkModel } from "../../src/arguments.ts";
import { entry } from "../../src/entry.ts";
import type { Graph, Node, Scope } from "../../src/graph/graph.ts";
import { attributeOf, pathOf } from "../../src/graph/scopes.ts";
import type { Model } from "../../src/model.ts";
import type { FunctionMessage } from "../../src/onnx/messages.ts";
import type { LaurelWeights } from "../ladder/laurel-weights.ts";
import { checkDiff, type ModelDiff } from "./diff.ts";
import { laurelSites } from "./laurel-sites.ts";
import type { NodeDiff } from "./region-diffs.ts";
import { figuresText, type SiteFigures, siteFigures } from "./site-figures.ts";

/**
 * What Model Explorer shows of a node: `value` and the colors. The other fields are for programs;
 * a site's sum has those of its last insertion.
 */
export interface NodeResult extends Partial<SiteFigures> {
  /** "inserted", "removed", "changed", or a site's figures: "α 1.02, β 0.98". */
  readonly value: string;
  readonly bgColor: string;
  readonly textColor: string;
  /** Whether the node is new in the second model, or part of its LAuReL. */
  readonly inserted: boolean;
  /** The site of LAuReL that the node belongs to; null if it belongs to none. */
  readonly site: string | null;
}

/** Node data of Model Explorer: the results of each graph by node id. */
export type NodeData = Readonly<
  Record<string, { readonly name: string; readonly results: Readonly<Record<string, NodeResult>> }>
>;

const COLORS = { added: "#1a7f37", removed: "#cf222e", changed: "#9a6700", site: "#0969da" };

/**
 * Returns a diff as node data of Model Explorer, for the second model and, if its graphs have the
 * same names, for the first. Node ids are those of its ONNX adapter.
 * @see https://github.com/google-ai-edge/model-explorer/wiki
 */
export function nodeData(a: Model, b: Model, diff: ModelDiff): NodeData {
  checkModel("nodeData", a, "first model");
  checkModel("nodeData", b, "second model");
  checkDiff("nodeData", diff);
  const data = new Map<string, Map<string, NodeResult>>();
  const note = (model: Model, resultOf: (node: Node) => NodeResult | null) => {
    for (const [node, { graph, id }] of explorerIds(model.graph)) {
      const results = entry(data, graph, () => new Map<string, NodeResult>());
      const result = resultOf(node);
      if (result && !results.has(id)) results.set(id, result);
    }
  };
  const plain = plainResults(diff);
  const sites = laurelSites(b);
  const sums = new Map(sites.map(({ sum, name }) => [sum, name]));
  const inserted = new Map(
    sites.flatMap(({ nodes, name }) => nodes.map((node) => [node, name] as const)),
  );
  const weights = new Map(diff.regions.map(({ name, laurel: { after } }) => [name, after]));
  note(b, (node) => {
    const sum = sums.get(node);
    const own = sum === undefined ? [] : (weights.get(sum) ?? []);
    if (own.length > 0) return siteResult(sum!, own);
    const site = inserted.get(node) ?? null;
    const result = plain(node, true);
    if (result) return { ...result, inserted: result.inserted || site !== null };
    return site === null ? null : changeResult("added", site);
  });
  note(a, (node) => plain(node, false));
  return Object.fromEntries(
    [...data].map(([graph, results]) => [
      graph,
      { name: "laurelize diff", results: Object.fromEntries(results) },
    ]),
  );
}

/** Returns a function that looks up what of a node of the second model, or of the first, changed. */
function plainResults({ nodes, regions }: ModelDiff) {
  const sites = new Set(regions.filter(({ isSite }) => isSite).map(({ name }) => name));
  const keyOf = (isSecond: boolean, scope: string, outputs: readonly string[]) =>
    [isSecond, scope, ...outputs.filter(Boolean)].join("\0");
  const changes = new Map(
    nodes.map((each) => [keyOf(each.change !== "removed", each.scope, each.outputs), each]),
  );
  return (node: Node, isSecond: boolean): NodeResult | null => {
    const found = changes.get(keyOf(isSecond, pathOf(node.scope), node.message.outputs));
    if (!found) return null;
    const { change, region } = found;
    return changeResult(change, region !== null && sites.has(region) ? region : null);
  };
}

function changeResult(change: NodeDiff["change"], site: string | null): NodeResult {
  const isNew = change === "added";
  const value = isNew ? "inserted" : change;
  return { value, bgColor: COLORS[change], textColor: "#ffffff", inserted: isNew, site };
}

function siteResult(site: string, weights: readonly LaurelWeights[]): NodeResult {
  const figures = siteFigures(weights.at(-1)!);
  const value = figuresText(weights) || "site";
  return { value, bgColor: COLORS.site, textColor: "#ffffff", inserted: false, site, ...figures };
}

/** Where Model Explorer shows a node: the graph and the node's id in it. */
interface ExplorerId {
  readonly graph: string;
  readonly id: string;
}

/**
 * Returns the ids that Model Explorer's ONNX adapter gives the nodes of a model. A node has its name,
 * made unique; nodes of an If's branches are shown in the graph around it, those of other bodies
 * and of functions in graphs of their own.
 * @see https://github.com/justinchuby/model-explorer-onnx
 */
function explorerIds({ main, functions }: Graph): ReadonlyMap<Node, ExplorerId> {
  const ids = new Map<Node, ExplorerId>();
  place(ids, { scope: main, graph: main.message.name || "<main>", prefix: "" }, new Map());
  for (const scope of functions) {
    const { domain, name, overload } = scope.message as FunctionMessage;
    const graph = `[function]${domain}::${name}${overload ? `::${overload}` : ""}`;
    place(ids, { scope, graph, prefix: "" }, new Map());
  }
  return ids;
}

/** Notes the ids of a scope's nodes in the graph that shows it; they begin with `prefix`. */
function place(
  ids: Map<Node, ExplorerId>,
  { scope, graph, prefix }: { scope: Scope; graph: string; prefix: string },
  counts: Map<string, number>,
): void {
  const used = new Set<string>();
  const nodes = new Map(scope.nodes.map((node) => [node.message, node]));
  for (const message of scope.message.nodes) {
    const node = nodes.get(message)!;
    const id = `${prefix}${unique(message.name || "node", used, counts)}`;
    ids.set(node, { graph, id });
    for (const body of node.bodies) {
      const inner = `${id}/${attributeOf(body)}`;
      const shown =
        node.op === "If" ? { graph, prefix: `${inner}/` } : { graph: inner, prefix: "" };
      place(ids, { scope: body, ...shown }, counts);
    }
  }
}

/** Returns a name that is not used yet; the numbers of its doubles run through all bodies. */
function unique(name: string, used: Set<string>, counts: Map<string, number>): string {
  let free = name;
  while (used.has(free)) {
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    free = `${name}_${count}`;
  }
  used.add(free);
  return free;
}
