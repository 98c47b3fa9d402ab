import { sha256 } from "#node";
import {
  checkGiven,
  checkModel,
  dataOptions,
  type WithOrt,
  watching,
  withOrt,
} from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import { constants } from "../../src/graph/constants.ts";
import type { Value } from "../../src/graph/graph.ts";
import { hasFact } from "../../src/graph/operators.ts";
import { type DataOptions, folderAfter, placingOf } from "../../src/graph/placing.ts";
import { graphNodes } from "../../src/graph/scopes.ts";
import { type Model, modelOf, patched, typesOf } from "../../src/model.ts";
import type { Declared } from "../../src/options.ts";
import { abortable, stepper, unlessAborted, type Watching } from "../../src/ort/abortable.ts";
import { VERSION } from "../../src/version.ts";
import { laurelizationsOf, trainableWeights } from "../adapter/trainable.ts";
import { FOLDED_KEY, type Laurelization, manifestKey } from "../laurelize/manifest.ts";
import { strippable } from "../laurelize/strip.ts";
import type { KnownGraph } from "../residuals/residual.ts";
import { EXTENTS, type FoldExtent, operandAt, type Plain } from "./absorb.ts";
import { keyOf } from "./draft.ts";
import { leastSizes, type MapCost, multiplyAdds } from "./multiply-adds.ts";
import { type Mix, projected } from "./project.ts";
import { why } from "./reasons.ts";
import { type FoldedSite, siteReport, untouchedSite } from "./report.ts";
import { type FoldSite, readSites } from "./sites.ts";
import { fewest } from "./streams.ts";
import { writeFold } from "./write.ts";

/** What is folded, and how the model is written. */
export interface FoldOptions extends WithOrt, Watching, DataOptions {
  /** "all"; "branches" leaves every β, "idle" every site that does anything, so that less is rounded. */
  readonly extent?: FoldExtent | undefined;
}

/** Declarations of the options. */
export const foldOptions: Declared<FoldOptions> = {
  ...withOrt,
  ...watching,
  ...dataOptions,
  extent: { type: "string", choices: EXTENTS, default: "all" },
};

/** A folded model, not yet proved or saved. */
export interface FoldedModel {
  /** The laurelized model. */
  readonly original: Model;
  readonly model: Model;
  readonly sites: readonly FoldedSite[];
  readonly extent: FoldExtent;
  /** Nodes that multiply and had to stay or be added. */
  readonly factors: number;
  /** What the low-rank maps that stay cost at run time; null if none stays, or shapes are unknown. */
  readonly maps: MapCost | null;
  /** The model is the one that was laurelized, byte for byte: every site did nothing. */
  readonly restored: boolean;
}

/**
 * Takes out of a laurelized model what inference need not pay for. α goes into the weights of the
 * branch. β is taken out of the stream by rescaling what is computed of it. Sites that do nothing
 * become plain sums. Low-rank maps stay, or go into a projection. Throws an InputError if the model
 * is not laurelized, or not as laurelize wrote it.
 */
export async function fold(model: Model, options: FoldOptions): Promise<FoldedModel> {
  checkModel("fold", model);
  checkGiven("fold", options, foldOptions);
  const { ort: given, signal, onProgress, externalData, copyData, extent = "all" } = options;
  const step = stepper({ signal, onProgress });
  step(0, "reading the sites");
  const one = laurelizationOf(model);
  const ort = abortable(given, signal);
  const { types } = await typesOf(model, ort);
  const { graph } = model;
  const facts: KnownGraph = { graph, types, constants: constants(graph) };
  const reading = readSites(ort, { model, facts, one });
  const readings = closedBeyond(await unlessAborted(signal, reading), extent);
  const stripped = readings.every(({ idle }) => idle) ? await strippable(model) : null;
  const restored = stripped?.checked ? stripped.model : null;
  const unfolded = { original: model, extent, factors: 0, maps: null, restored: false };
  if (restored || readings.every(({ closed }) => closed)) {
    const left = restored ?? model;
    const saved = copyData ? withDataCopied(left) : left;
    const sites = readings.map((site) => untouchedSite(site, restored !== null));
    step(1, "done");
    return { ...unfolded, model: saved, sites, restored: restored !== null };
  }
  const open = readings.filter(({ closed }) => !closed);
  const { sites, mixes, plain } = withProjections(plainOf(facts, open, extent));
  step(0.3, "choosing what stays");
  const { plan, free } = fewest(plain, sites);
  step(0.7, "writing");
  const written = writeFold(plain, sites, plan, { mixes, outside: externalData != null });
  const record = async () => ({ key: FOLDED_KEY, value: await recordOf(model, one) });
  const placing = placingOf(model.dataFiles, options);
  const patch = { ...written, forgotten: [manifestKey(0)] };
  const folded = await patched(graph, patch, record, placing);
  const mixed = new Set(mixes.flatMap(({ terms }) => terms));
  const report = readings.map((site) => siteReport(site, { plan, free, mixed }));
  const maps = report.some(({ map }) => map === "kept") ? costOfMaps(plain, sites) : null;
  step(1, "done");
  return { ...unfolded, model: folded, sites: report, factors: plan.cost, maps };
}

/** The sites, of which those that do anything are left alone if no more is to be folded. */
const closedBeyond = (sites: readonly FoldSite[], extent: FoldExtent): readonly FoldSite[] =>
  extent === "idle"
    ? sites.map((site) => (site.idle ? site : { ...site, closed: why("rounding") }))
    : sites;

/** A model whose data files are copied under their own names when it is saved in another folder. */
function withDataCopied(model: Model): Model {
  const copies = new Map(model.dataFiles.map((name) => [name, name]));
  return modelOf({ source: model.source, folder: folderAfter(model.folder, { copies }, null) });
}

/** What the maps cost that stay at these sites. */
function costOfMaps({ facts, inserted }: Plain, sites: readonly FoldSite[]): MapCost | null {
  const before = multiplyAdds(facts.graph, facts.types, inserted);
  const counts = sites.map(({ skip }) => {
    const sizes = skip.maps.map(({ x, A, B }) => {
      const size = leastSizes(facts.types, x)?.reduce((a, b) => a * b, 1);
      // The features that A reads: its first axis, or the second of a convolution.
      const width = A.dims[A.dims.length > 2 ? 1 : 0];
      return size === undefined ? null : { B: B.name, count: (size * A.data.length) / width };
    });
    if (sizes.includes(null)) return null;
    // Maps that share their last matrix add up before it.
    const last = new Map(sizes.map((one, k) => [one!.B || k, one!.count]));
    return [...sizes.map((one) => one!.count), ...last.values()].reduce((a, b) => a + b, 0);
  });
  if (!before || counts.includes(null)) return null;
  const more = counts.reduce<number>((sum, one) => sum + one!, 0);
  const quantized = graphNodes(facts.graph).some(({ op }) => hasFact(op, "quantized"));
  return { multiplyAdds: more, share: more / before, quantized };
}

/** The laurelization of a model that holds its LAuReL weights. Throws an InputError if there is not just one. */
function laurelizationOf(model: Model): Laurelization {
  const records = laurelizationsOf(model);
  trainableWeights(model);
  if (records.length > 1)
    throw new InputError(
      `${model.source.name} was laurelized ${records.length} times, but fold supports only one; laurelize the original once, with all sites at the same time.`,
    );
  return records[0];
}

const recordOf = async (
  model: Model,
  { variant, options, sites, sha256: original }: Laurelization,
) =>
  JSON.stringify({
    version: VERSION,
    variant,
    options,
    sites: sites.map(({ name }) => name),
    sha256: original,
    laurelized: await sha256(model.source),
  });

/** The model without what was inserted: who reads what. */
function plainOf(facts: KnownGraph, sites: readonly FoldSite[], extent: FoldExtent) {
  const inserted = new Set(sites.flatMap(({ nodes }) => nodes));
  const edges = new Map(
    sites.flatMap(({ skip, branches }) =>
      [skip, ...branches].map((edge) => [keyOf(edge.use), edge] as const),
    ),
  );
  const readers = new Map<Value, number>();
  const plain: Plain = { facts, edges, readers, inserted, extent };
  const read = (value: Value | null) => value && readers.set(value, (readers.get(value) ?? 0) + 1);
  for (const node of graphNodes(facts.graph))
    if (!inserted.has(node))
      for (const index of node.inputs.keys()) read(operandAt(plain, { node, index }));
  for (const { maps, lags } of edges.values()) for (const { x } of [...maps, ...lags]) read(x);
  return { plain, sites };
}

/** Low-rank maps that go into the projection of their skip, taken out of their sites. */
function withProjections({ plain, sites: all }: ReturnType<typeof plainOf>) {
  const mixes: Mix[] = [];
  const sites = all.map((site) => {
    const into = projected(plain, site);
    if (!into) return site;
    mixes.push(...into);
    return { ...site, skip: { ...site.skip, maps: [] } };
  });
  return { ...plainOf(plain.facts, sites, plain.extent), mixes };
}
