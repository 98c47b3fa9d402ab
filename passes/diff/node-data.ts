import { checkModel } from "../../src/arguments.ts";
import type { Node } from "../../src/graph/graph.ts";
import { pathOf } from "../../src/graph/scopes.ts";
import type { Model } from "../../src/model.ts";
import type { LaurelWeights } from "../ladder/laurel-weights.ts";
import type { ModelDiff } from "./diff.ts";
import { explorerIds } from "./explorer-ids.ts";
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
  const data = new Map<string, Map<string, NodeResult>>();
  const note = (model: Model, resultOf: (node: Node) => NodeResult | null) => {
    for (const [node, { graph, id }] of explorerIds(model.graph)) {
      const results = data.get(graph) ?? new Map<string, NodeResult>();
      data.set(graph, results);
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
    const { region = null } = found ?? {};
    return found
      ? changeResult(found.change, region !== null && sites.has(region) ? region : null)
      : null;
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
