import { constants } from "../../src/graph/constants.ts";
import type { Graph, Node, Types } from "../../src/graph/graph.ts";
import { applyPatch } from "../../src/graph/patch.ts";
import type { Patch } from "../../src/graph/patch-contents.ts";
import { trainingWarnings } from "../../src/graph/training-mode.ts";
import { type Model, modelOf, typesOf } from "../../src/model.ts";
import type { Undo } from "../../src/onnx/undo.ts";
import type { Ort } from "../../src/ort/session.ts";
import { NotLowered } from "../lower/composite.ts";
import { lowering } from "../lower/index.ts";
import { type Inlined, inlined } from "../lower/inline.ts";
import { findSites, type ResidualOptions, type Residuals } from "../residuals/find.ts";
import { type Reason, reasons } from "../residuals/reasons.ts";
import { type Feature, type Rejection, rejection, type Site } from "../residuals/residual.ts";
import {
  addsConstant,
  callsWith,
  closedCalls,
  hiddenSums,
  hidesSum,
  inlineSums,
} from "./hidden-sums.ts";

/** The residual connections of a model, the other sums, and warnings of the inference. */
export interface FoundResiduals extends Residuals {
  /** The sites of the choice; all sites if nothing is chosen. */
  readonly chosen: readonly Site[];
  readonly warnings: readonly string[];
  /** The model that the sites' nodes and values belong to. */
  readonly lowered: LoweredModel;
}

/** A model in which functions and composite nodes with residual connections are lowered. */
export interface LoweredModel {
  readonly model: Model;
  /** The calls that were inlined, by their paths. */
  readonly calls: readonly string[];
  /** The composite nodes that were lowered after that. */
  readonly nodes: readonly Node[];
  /** The model that contains these nodes. */
  readonly composed: Model;
  /** The steps back to the original model, last step first. */
  readonly undos: readonly Undo[];
}

/** A search: what was lowered for it, what it found, and warnings of the inference. */
interface Search {
  readonly lowered: LoweredModel;
  readonly found: Residuals;
  readonly warnings: readonly string[];
  /** The feature axes found inside functions that are not inlined, if they were needed. */
  readonly features: ResidualOptions["features"];
}

/** The residual connections of a model, and those chosen in the model that is to be changed. */
export interface Searched {
  readonly found: FoundResiduals;
  /** The model in which no more is lowered than the chosen sites need. */
  readonly lowered: LoweredModel;
  readonly sites: readonly Site[];
}

/**
 * Lowers what hides residual connections, finds them, and lowers only what the chosen ones need.
 * Searches once if nothing is lowered or all of it is needed, otherwise twice; and once more if only
 * functions that are not inlined show where the features are.
 */
export async function searched(
  model: Model,
  ort: Ort,
  options: ResidualOptions,
  choose: (sites: readonly Site[]) => readonly Site[],
): Promise<Searched> {
  const whole = await lowerHidden(model, ort, null);
  const complete = await search(model, whole, ort, options);
  const chosen = choose(complete.found.sites);
  const needed = neededBy(complete.found.sites, whole);
  const nodes = neededBy(chosen, whole).nodes;
  const isWhole = needed.calls.size === whole.lowered.calls.length;
  const again = { ...options, features: complete.features };
  const some =
    isWhole && nodes.size === whole.lowered.nodes.length
      ? complete
      : await search(model, await lowerHidden(model, ort, { ...needed, nodes }), ort, again);
  const names = new Set(chosen.map((site) => site.name));
  const sites = some.found.sites.filter((site) => names.has(site.name));
  const from = nodes.size === needed.nodes.size ? some : complete;
  const rejected = rejectedOf(from, { whole, all: complete, needed });
  rejected.push(...closedCalls(model.graph));
  const warnings = [...some.warnings, ...trainingWarnings(model.graph)];
  const { lowered } = from;
  const found = { ...from.found, rejected, chosen: from === some ? sites : chosen };
  return { found: { ...found, warnings, lowered }, lowered: some.lowered, sites };
}

/** A model with what was lowered in it, and what that replaces. */
interface Lowered {
  readonly lowered: LoweredModel;
  /** The composite node that each new value replaces. */
  readonly within: ReadonlyMap<string, Node>;
  readonly inlined: Inlined | null;
  /** Nodes with a hidden sum that cannot be lowered, or whose sum adds a constant. */
  readonly refused: readonly Rejection[];
}

/** The calls to inline by their paths, and the composite nodes to lower by their first outputs. */
interface Needed {
  readonly calls: ReadonlySet<string>;
  readonly nodes: ReadonlySet<string>;
}

const firstOf = ({ outputs }: Node) => outputs.find(Boolean)!;
const keyOf = (node: Node) => firstOf(node).name;

/** Inlines functions with sums and lowers nodes with hidden sums: all, or only what is needed. */
async function lowerHidden(model: Model, ort: Ort, needed: Needed | null): Promise<Lowered> {
  const { graph: whole } = model;
  const calling = needed
    ? inlined(whole, (_, label) => needed.calls.has(label))
    : inlineSums(whole);
  const inner = calling && (await patched(model, calling.patch));
  const composed = inner?.model ?? model;
  const { graph } = composed;
  const undos = inner?.undos ?? [];
  const lowered = { model: composed, composed, calls: calling?.calls ?? [], nodes: [], undos };
  const inlinedOnly: Lowered = { lowered, within: new Map(), inlined: calling, refused: [] };
  const hidden = hiddenSums(graph);
  if (hidden.length === 0) return inlinedOnly;
  const { types } = await typesOf(composed, ort);
  const fixed = constants(graph);
  const refused = hidden.flatMap((node) => {
    const reason = addsConstant(types, fixed, node) ?? notLowered(graph, types, node);
    return reason ? [rejection(node, firstOf(node), reason)] : [];
  });
  const isRefused = new Set(refused.map(({ node }) => node));
  const isNeeded = (node: Node) => !needed || needed.nodes.has(keyOf(node));
  const nodes = hidden.filter((node) => !isRefused.has(node) && isNeeded(node));
  if (nodes.length === 0) return { ...inlinedOnly, refused };
  const { patch, within } = lowering(graph, types, nodes);
  const outer = await patched(composed, patch);
  const all = { ...lowered, model: outer.model, nodes, undos: [...outer.undos, ...undos] };
  return { lowered: all, within, inlined: calling, refused };
}

/** Returns why a node cannot be lowered; null if it can. */
function notLowered(graph: Graph, types: Types, node: Node): Reason | null {
  try {
    lowering(graph, types, [node]);
    return null;
  } catch (error) {
    if (error instanceof NotLowered) return reasons.notLowered(error.message);
    throw error;
  }
}

/** Returns what the sites' nodes and slots need to have inlined and lowered. */
const neededBy = (sites: readonly Site[], { inlined }: Lowered): Needed => ({
  calls: inlined ? callsWith(sites, inlined) : new Set(),
  nodes: new Set(sites.flatMap(({ within }) => (within ? [keyOf(within)] : []))),
});

/** Finds sites; if an axis is missing, with the axes that all functions inlined show. */
async function search(
  model: Model,
  { lowered, within }: Lowered,
  ort: Ort,
  options: ResidualOptions,
): Promise<Search> {
  const { types, warnings } = await typesOf(lowered.model, ort);
  const find = (features: ResidualOptions["features"]) => {
    const found = findSites(lowered.model.graph, types, { ...options, within, features });
    return { lowered, found, warnings, features };
  };
  const first = find(options.features);
  const lacksAxis = first.found.rejected.some(({ axisless }) => axisless);
  return options.features || model.graph.functions.length === 0 || !lacksAxis
    ? first
    : find(await featuresInside(model, ort, options));
}

/** Returns the sums' feature axes with all calls inlined: mixers may be in functions. */
async function featuresInside(
  model: Model,
  ort: Ort,
  options: ResidualOptions,
): Promise<ReadonlyMap<string, Feature>> {
  const inlining = inlined(model.graph, () => true);
  if (!inlining) return new Map();
  const { model: whole } = await patched(model, inlining.patch);
  const { types } = await typesOf(whole, ort);
  const { sites } = findSites(whole.graph, types, { ...options, featureAxis: undefined });
  return new Map(sites.map(({ output, feature }) => [output.name, feature]));
}

/**
 * Returns the rejected sums that are there if only what is needed is lowered. Of a node that no site
 * needs to have lowered, they are what became of its sum when it was.
 */
function rejectedOf(
  { found }: Search,
  { whole, all, needed }: { whole: Lowered; all: Search; needed: Needed },
): Rejection[] {
  const isLowered = ({ within }: Rejection) => within === null || needed.nodes.has(keyOf(within));
  const isThere = ({ output }: Rejection) => {
    const call = whole.inlined?.callOf.get(output.name);
    return call === undefined || needed.calls.has(call);
  };
  return [
    ...found.rejected.filter((one) => !hidesSum(one.node) && isLowered(one)),
    ...whole.refused,
    ...all.found.rejected.flatMap((one) => (isLowered(one) ? [] : [atNode(one.within!, one)])),
  ].filter(isThere);
}

const atNode = (node: Node, { reason: text, code, kind }: Rejection): Rejection => ({
  ...rejection(node, firstOf(node), { text, code }),
  kind,
});

async function patched(model: Model, patch: Patch): Promise<Pick<LoweredModel, "model" | "undos">> {
  const changed = await applyPatch(model.graph, patch);
  return { model: modelOf(changed), undos: [changed.undo()] };
}
