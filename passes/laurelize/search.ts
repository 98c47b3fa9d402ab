import type { WithOrt } from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import { trainingWarnings } from "../../src/graph/training-mode.ts";
import { ShapeLengthError } from "../../src/infer/shape-lengths.ts";
import { type Model, patched, typesOf } from "../../src/model.ts";
import { checkLoadable } from "../../src/ort/loadable.ts";
import type { Ort } from "../../src/ort/session.ts";
import { inlined } from "../lower/inline.ts";
import { findSites, type ResidualOptions, type Residuals } from "../residuals/find.ts";
import type { Feature, Site } from "../residuals/residual.ts";
import {
  closedCalls,
  composed,
  type Lowered,
  type LoweredModel,
  lowerHidden,
  neededBy,
  rejectedOf,
} from "./hidden-sums.ts";
import { fitsIntoMemory } from "./memory.ts";

/** The residual connections of a model, the other sums, and warnings of the inference. */
export interface FoundResiduals extends Residuals {
  /** The sites of the choice; all sites if nothing is chosen. */
  readonly chosen: readonly Site[];
  readonly warnings: readonly string[];
  /** The model that the sites' nodes and values belong to. */
  readonly lowered: LoweredModel;
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
 * Finds the residual connections of a model, and lowers what hides the chosen ones. Throws an
 * InputError for an idle `featureAxis` or a model that does not load.
 */
export async function searched(
  model: Model,
  options: WithOrt & ResidualOptions,
  choose: (sites: readonly Site[]) => readonly Site[],
): Promise<Searched> {
  const { file } = model;
  const checkLoads = async () => {
    if (fitsIntoMemory(model)) await checkLoadable(options.ort, file);
  };
  const all = await searchedLowered(model, options, choose).catch(async (thrown) => {
    // What onnxruntime says of a model that it cannot load comes first.
    if (thrown instanceof ShapeLengthError && thrown.isLoadable) await checkLoads();
    throw thrown;
  });
  const { warnings, unused } = all.found;
  if (warnings.length > 0) await checkLoads();
  if (unused[0]) throw new InputError(`${file.source.name}: ${unused[0]}`);
  return all;
}

/**
 * Lowers what hides residual connections, finds them, and lowers only what the chosen ones need.
 * Searches once if nothing is lowered or all of it is needed, otherwise twice; and once more if only
 * functions that are not inlined show where the features are.
 */
async function searchedLowered(
  model: Model,
  { ort, ...options }: WithOrt & ResidualOptions,
  choose: (sites: readonly Site[]) => readonly Site[],
): Promise<Searched> {
  const whole = await composed(model, ort);
  const complete = await search(model, await lowerHidden(whole, ort), ort, options);
  const chosen = choose(complete.found.sites);
  const needed = neededBy(complete.found.sites, whole);
  const { nodes } = neededBy(chosen, whole);
  const needsCalls = needed.calls.size === complete.lowered.calls.length;
  const needsAll = needsCalls && nodes.size === complete.lowered.nodes.length;
  const inner = needsCalls ? whole : await composed(model, ort, needed.calls);
  const again = { ...options, features: complete.features };
  const some = needsAll
    ? complete
    : await search(model, await lowerHidden(inner, ort, nodes), ort, again);
  const names = new Set(chosen.map((site) => site.name));
  const sites = some.found.sites.filter((site) => names.has(site.name));
  const from = nodes.size === needed.nodes.size ? some : complete;
  const both = { some: from.found.rejected, all: complete.found.rejected };
  const rejected = [...rejectedOf(both, whole, needed), ...closedCalls(model.graph)];
  const warnings = [...some.warnings, ...trainingWarnings(model.graph)];
  const found = { ...from.found, rejected, chosen: from === some ? sites : chosen };
  return { found: { ...found, warnings, lowered: from.lowered }, lowered: some.lowered, sites };
}

/** Finds sites; if an axis is missing, with the axes that all functions inlined show. */
async function search(
  original: Model,
  { lowered, within }: Lowered,
  ort: Ort,
  options: ResidualOptions,
): Promise<Search> {
  const { model } = lowered;
  const { types, warnings } = await typesOf(model, ort);
  const find = (features: ResidualOptions["features"]) => {
    const found = findSites(model.graph, types, { ...options, within, features });
    return { lowered, found, warnings, features };
  };
  const first = find(options.features);
  const lacksAxis = first.found.rejected.some(({ axisless }) => axisless);
  return options.features || original.graph.functions.length === 0 || !lacksAxis
    ? first
    : find(await featuresInside(original, ort, options));
}

/** Returns the sums' feature axes with all calls inlined: mixers may be in functions. */
async function featuresInside(
  model: Model,
  ort: Ort,
  options: ResidualOptions,
): Promise<ReadonlyMap<string, Feature>> {
  const inlining = inlined(model.graph, () => true);
  if (!inlining) return new Map();
  const whole = await patched(model.graph, inlining.patch);
  const { types } = await typesOf(whole, ort);
  const { sites } = findSites(whole.graph, types, { ...options, featureAxis: undefined });
  return new Map(sites.map(({ output, feature }) => [output.name, feature]));
}
