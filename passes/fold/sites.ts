import { groupBy } from "../../src/entry.ts";
import { InputError } from "../../src/errors.ts";
import type { Node, Scope, Use, Value } from "../../src/graph/graph.ts";
import { graphNodes, scopesOf, visible, weightsScope } from "../../src/graph/scopes.ts";
import { decodeNumbers } from "../../src/graph/tensor.ts";
import { behind } from "../../src/graph/walk.ts";
import type { Model } from "../../src/model.ts";
import type { Ort } from "../../src/ort/session.ts";
import { toFloat64 } from "../../src/ort/tensors.ts";
import { weightOf } from "../adapter/weights.ts";
import { type Laurelization, siteNameIn } from "../laurelize/manifest.ts";
import { constantTensor } from "../proof/site-nodes.ts";
import type { KnownGraph, ManifestSite } from "../residuals/residual.ts";
import type { SiteDescription } from "../variants/variant.ts";
import { along, type Factor, isOne, numberFactor, ONE, times } from "./factor.ts";
import { takesFactors } from "./node-at.ts";
import { type Why, why } from "./reasons.ts";
import { describeSite, type LagTerm, type MapTerm, termsOf } from "./site-terms.ts";

/** One slot of a sum that LAuReL redirected, and what it adds to that slot. */
export interface Edge {
  readonly use: Use;
  /** The operand that the slot read before. */
  readonly value: Value;
  readonly coefficient: Factor;
  readonly maps: readonly MapTerm[];
  readonly lags: readonly LagTerm[];
}

/** A laurelized site as it stands in a model. */
export interface FoldSite {
  readonly name: string;
  readonly place: SiteDescription;
  readonly nodes: readonly Node[];
  readonly skip: Edge;
  readonly branches: readonly Edge[];
  readonly beta: Factor;
  /** Every α and β is 1, and every map and γ is zero. */
  readonly idle: boolean;
  /** Why the site is left as it is; null if it can be folded. */
  readonly closed: Why | null;
}

interface Reading {
  readonly model: Model;
  readonly facts: KnownGraph;
  readonly one: Laurelization;
}

/** Reads the sites of a laurelization in the graph. Throws an InputError if another tool changed them. */
export async function readSites(ort: Ort, reading: Reading): Promise<FoldSite[]> {
  const inserted = groupBy(
    graphNodes(reading.facts.graph).filter(({ op }) => op !== "Constant"),
    ({ outputs }) => siteNameIn(outputs[0]?.name ?? ""),
  );
  const sites: FoldSite[] = [];
  for (const site of reading.one.sites)
    sites.push(await readSite(ort, reading, site, inserted.get(site.name) ?? []));
  return sites;
}

async function readSite(
  ort: Ort,
  { model, facts, one }: Reading,
  site: ManifestSite,
  nodes: readonly Node[],
): Promise<FoldSite> {
  const lost = (what: string) =>
    new InputError(
      `${model.source.name} has lost ${what} of ${site.name}, which its metadata names, because another tool rewrote it; fold the file that laurelize wrote.`,
    );
  const own = new Set(nodes);
  const holding = [...scopesOf(facts.graph)].find(({ values }) => values.has(site.augmented));
  const scope = nodes[0]?.scope ?? holding;
  const output = scope?.values.get(site.output);
  if (!scope || !output) throw lost("the sum");
  const numbers = (role: string) => numbersNamed(model, site.parameters[role]);
  const place = describeSite(facts, site, { output, nodes, numbers });
  const slots = nodes.flatMap((node) =>
    (node.outputs[0]?.uses ?? [])
      .filter((use) => !own.has(use.node))
      .map((use) => ({ use, name: node.outputs[0]!.name })),
  );
  const x = visible(scope, site.skip) ?? null;
  const slot = slots.find(({ name }) => name === site.augmented);
  if (!slot || !x) throw lost("the skip");
  const weighs = one.variant.split("+").includes("rw");
  const factorAt = (use: Use) =>
    weighs ? factorOf(ort, facts, { own, use, axis: place.feature.axis }) : ONE;
  const { maps, lags, gamma } = termsOf(facts, { nodes, numbers }, x, lost);
  const beta = await factorAt(slot.use);
  const coefficient = gamma === 0 ? beta : times(beta, numberFactor(1 + gamma))!;
  const branches: Edge[] = [];
  for (const { use } of slots.filter((each) => each !== slot)) {
    // Inserted nodes take what stood in a slot before as their first input.
    const value = behind(use.node.inputs[use.index]!, (node) => own.has(node));
    branches.push({ use, value, coefficient: await factorAt(use), maps: [], lags: [] });
  }
  const still = [coefficient, ...branches.map((edge) => edge.coefficient)].every(isOne);
  const idle = still && maps.length + lags.length === 0;
  const skip = { use: slot.use, value: x, coefficient, maps, lags };
  const closed = closedBy(scope, place.dtype, idle);
  return { name: site.name, place, nodes, beta, skip, branches, idle, closed };
}

function numbersNamed(model: Model, name: string | undefined): MapTerm["A"] | null {
  if (name === undefined) return null;
  const { dtype, dims, data } = weightOf(model, name);
  return { name, dims, data: decodeNumbers(dtype, data) };
}

/** The factor by which an inserted node multiplies what a slot reads, as onnxruntime computes it. */
async function factorOf(
  ort: Ort,
  { graph }: KnownGraph,
  { own, use, axis }: { own: ReadonlySet<Node>; use: Use; axis: number },
): Promise<Factor> {
  const read = use.node.inputs[use.index]!;
  const node = behind(read, (each) => each.op === "Identity" && own.has(each)).producer;
  const factor =
    node && own.has(node) && (node.op === "Mul" || node.op === "BatchNormalization")
      ? node.inputs[1]
      : null;
  if (!factor) return ONE;
  const values = toFloat64(await constantTensor(ort, graph, factor));
  return values.length === 1 ? numberFactor(values[0]) : along(axis, values);
}

/** Weights of half precision are too coarse to take factors in; those of a token search's decoder cannot be replaced. */
function closedBy(scope: Scope, dtype: string, idle: boolean): Why | null {
  if (weightsScope(scope) !== undefined) return why("token-search");
  return idle || takesFactors(dtype) ? null : why("half-precision", dtype);
}
