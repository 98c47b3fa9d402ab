import type { Node } from "../../src/graph/graph.ts";
import { applyPatch } from "../../src/graph/patch.ts";
import type { Patch } from "../../src/graph/patch-contents.ts";
import { trainingWarnings } from "../../src/graph/training-mode.ts";
import { type Model, modelOf, typesOf } from "../../src/model.ts";
import type { Undo } from "../../src/onnx/undo.ts";
import type { Ort } from "../../src/ort/session.ts";
import { NotOpened } from "../lower/composite.ts";
import { type Opening, opening } from "../lower/index.ts";
import type { Inlined } from "../lower/inline.ts";
import { findSites, type ResidualOptions, type Residuals } from "../residuals/find.ts";
import { reasons } from "../residuals/reasons.ts";
import type { Feature, Rejection, Site } from "../residuals/residual.ts";
import { hiddenSums, hidesSum } from "./hidden-sums.ts";
import { callsWith, closedCalls, openAll, openCalls, openSums } from "./open-calls.ts";

/** The residual connections of a model, the other sums, and warnings of the inference. */
export interface FoundResiduals extends Residuals {
  /** The sites of the choice; all sites if nothing is chosen. */
  readonly chosen: readonly Site[];
  readonly warnings: readonly string[];
  /** The model that the sites' nodes and values belong to. */
  readonly opened: LoweredModel;
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

/** A searched model, its residual connections, and warnings of the inference. */
export interface Searched {
  readonly opened: LoweredModel;
  readonly found: Residuals;
  readonly warnings: readonly string[];
  /** The feature axes found inside functions that are not inlined. */
  readonly features: ResidualOptions["features"];
}

/** Lowers what hides residual connections, and finds them. */
export async function searched(
  model: Model,
  ort: Ort,
  options: ResidualOptions,
): Promise<Searched> {
  const written = await withCallsOpened(model, ort, options);
  const all = await withNodesOpened(written, ort, { ...options, features: written.features });
  const { found } = all;
  return {
    ...all,
    found: { ...found, rejected: [...found.rejected, ...closedCalls(model.graph)] },
    warnings: [...all.warnings, ...trainingWarnings(model.graph)],
  };
}

async function search(opened: LoweredModel, ort: Ort, options: ResidualOptions): Promise<Searched> {
  const { types, warnings } = await typesOf(opened.model, ort);
  const found = findSites(opened.model.graph, types, options);
  return { opened, found, warnings, features: options.features };
}

/** Inlines functions that hold residual connections. */
async function withCallsOpened(
  model: Model,
  ort: Ort,
  options: ResidualOptions,
): Promise<Searched> {
  const closed: LoweredModel = { model, calls: [], nodes: [], composed: model, undos: [] };
  const { graph } = model;
  if (graph.functions.length === 0) return search(closed, ort, options);
  let known = options;
  const unfold = async (made: Inlined | null): Promise<Searched> => {
    const step = made && (await patched(model, made.patch));
    const opened =
      made && step ? { ...closed, ...step, composed: step.model, calls: made.calls } : closed;
    const searched = await search(opened, ort, known);
    if (known.features || !searched.found.rejected.some(({ axisless }) => axisless))
      return searched;
    known = { ...options, features: await featuresInside(model, ort, options) };
    return search(opened, ort, known);
  };
  const all = openSums(graph);
  if (!all) return unfold(null);
  const whole = await unfold(all);
  const needed = callsWith(whole.found.sites, all);
  const some = needed.size > 0 ? openCalls(graph, needed) : null;
  return some?.calls.length === all.calls.length ? whole : unfold(some);
}

/**
 * Returns the feature axes of sums in a model with all calls inlined, because mixers and norms may
 * be in functions.
 */
async function featuresInside(
  model: Model,
  ort: Ort,
  options: ResidualOptions,
): Promise<ReadonlyMap<string, Feature>> {
  const all = openAll(model.graph);
  if (!all) return new Map();
  const { model: whole } = await patched(model, all.patch);
  const { types } = await typesOf(whole, ort);
  const { sites } = findSites(whole.graph, types, { ...options, featureAxis: undefined });
  return new Map(sites.map(({ output, feature }) => [output.name, feature]));
}

/** Lowers composite nodes with a sum that has no slots, if the sum is a residual connection. */
async function withNodesOpened(
  written: Searched,
  ort: Ort,
  options: ResidualOptions,
): Promise<Searched> {
  const { model } = written.opened;
  const rejected: Rejection[] = [];
  const { types } = await typesOf(model, ort);
  const hidden = hiddenSums(model.graph).filter((node) => {
    try {
      return opening(model.graph, types, [node]);
    } catch (error) {
      if (!(error instanceof NotOpened)) throw error;
      const { text: reason, code } = reasons.notLowered(error.message);
      rejected.push(rejectionOf(node, { reason, code, kind: null }));
      return false;
    }
  });
  const unfold = (nodes: readonly Node[]) => withOpened(written.opened, nodes, ort, options);
  if (hidden.length === 0) return withRejected(written, rejected);
  const whole = await unfold(hidden);
  const needed = hidden.filter((node) => whole.found.sites.some(({ within }) => within === node));
  if (needed.length === hidden.length) return withRejected(whole, rejected);
  for (const rejection of whole.found.rejected)
    if (rejection.within && !needed.includes(rejection.within))
      rejected.push(rejectionOf(rejection.within, rejection));
  return withRejected(needed.length > 0 ? await unfold(needed) : written, rejected);
}

/** Returns the searched model with only these composite nodes lowered. */
export function withOnly(
  { opened: { composed, nodes: all, undos, calls }, features }: Searched,
  nodes: readonly Node[],
  ort: Ort,
  given: ResidualOptions,
): Promise<Searched> {
  const options = { ...given, features };
  const before = all.length > 0 ? undos.slice(1) : undos;
  const written: LoweredModel = { model: composed, calls, nodes: [], composed, undos: before };
  return nodes.length > 0
    ? withOpened(written, nodes, ort, options)
    : search(written, ort, options);
}

async function withOpened(
  written: LoweredModel,
  nodes: readonly Node[],
  ort: Ort,
  options: ResidualOptions,
): Promise<Searched> {
  const { graph } = written.model;
  const { types } = await typesOf(written.model, ort);
  const { patch, within }: Opening = opening(graph, types, nodes);
  const step = await patched(written.model, patch);
  const opened = { ...written, ...step, nodes, undos: [...step.undos, ...written.undos] };
  return search(opened, ort, { ...options, within });
}

const rejectionOf = (
  node: Node,
  { reason, code, kind }: Pick<Rejection, "reason" | "code" | "kind">,
): Rejection => ({ node, within: null, output: node.outputs.find(Boolean)!, reason, code, kind });

/**
 * Returns the result of the search and, for nodes with hidden sums, the outcome of lowering them.
 */
const withRejected = ({ found, ...rest }: Searched, hidden: readonly Rejection[]): Searched => ({
  ...rest,
  found: {
    ...found,
    rejected: [...found.rejected.filter(({ node }) => !hidesSum(node)), ...hidden],
  },
});

async function patched(model: Model, patch: Patch): Promise<Pick<LoweredModel, "model" | "undos">> {
  const { source, folder, undo } = await applyPatch(model.graph, patch);
  return { model: modelOf(source, folder), undos: [undo()] };
}
