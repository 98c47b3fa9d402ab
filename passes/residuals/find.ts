import { object, objects, texts } from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import { uniqueNames } from "../../src/graph/builder.ts";
import type { Graph, Node, Scope, Types, Value } from "../../src/graph/graph.ts";
import { labelOf, pathOf, scopesOf, visible } from "../../src/graph/scopes.ts";
import type { Declared } from "../../src/options.ts";
import type { Candidate } from "./feature-axis.ts";
import { sumsIn } from "./index.ts";
import { recognize } from "./inserted.ts";
import { knownValues } from "./known-values.ts";
import { isLaurel } from "./laurel-block.ts";
import { type FeatureAxis, type NamedAxes, namedAxes } from "./named-axes.ts";
import { classifier } from "./operators.ts";
import { Reach } from "./reach.ts";
import { Recent } from "./recent.ts";
import {
  type Feature,
  type ManifestSite,
  OPTIONAL_KINDS,
  type OptionalKind,
  type Rejection,
  rejection,
  type Setting,
  type Site,
  type Sum,
} from "./residual.ts";
import { nameLayers } from "./same-layer.ts";
import { slots } from "./slots.ts";
import { type FoundAxis, featureAxes } from "./stream-axes.ts";
import { putInStreams, type Unplaced } from "./streams.ts";
import { unfitValues } from "./unfit-values.ts";

/** The result of a search: the residual connections, and every other sum with its reason. */
export interface Residuals {
  readonly sites: readonly Site[];
  readonly rejected: readonly Rejection[];
  /** Warnings about feature axes that the user names and that no sum has. */
  readonly unused: readonly string[];
  /** Sites where LAuReL is recognized although the model's metadata does not list them. */
  readonly recognized: number;
}

/** Options of the search. */
export interface ResidualOptions {
  /** The model's record of earlier laurelizations; their nodes are not sums of the model. */
  readonly earlier?: readonly ManifestSite[] | undefined;
  /** Composite nodes that were lowered, by the names of the sums that replace them. */
  readonly within?: ReadonlyMap<string, Node> | undefined;
  /** Feature axis of all sites, or by globs over names, whatever the graph shows; may be negative. */
  readonly featureAxis?: FeatureAxis | undefined;
  /** Feature axes that are already known, by the names of the sums' values. */
  readonly features?: ReadonlyMap<string, Feature> | undefined;
  /** Kinds of sums that are otherwise skipped. */
  readonly also?: readonly OptionalKind[] | undefined;
}

/** Declarations of the search options. */
export const searching: Declared<ResidualOptions> = {
  earlier: objects,
  within: object,
  featureAxis: {},
  features: { isMap: true },
  also: texts,
};

/** Finds the residual connections of the main graph and its bodies. Throws an InputError for an invalid option. */
export function findSites(graph: Graph, inferred: Types, options: ResidualOptions = {}): Residuals {
  for (const kind of options.also ?? [])
    if (!OPTIONAL_KINDS.includes(kind))
      throw new InputError(`--also must be one of ${OPTIONAL_KINDS.join(", ")} (got ${kind}).`);
  const facts = knownValues(graph, inferred);
  const earlier = options.earlier ?? [];
  const scopes = [...scopesOf(graph)];
  const sums = sumsIn(facts.types, scopes);
  const recognized = recognize(facts, sums.values());
  const listed = listedOriginals(scopes, earlier);
  const traits = classifier(facts);
  const differences = [...sums.values()].filter(({ form }) => form === "difference");
  const setting: Setting = {
    ...facts,
    ...unfitValues(graph),
    traits,
    originals: new Map([...recognized.originals, ...listed]),
    subtracted: new Set(differences.map(({ terms }) => terms[1].value)),
    reach: new Reach(traits),
    chains: new Recent(),
  };
  const named = namedAxes(options.featureAxis);
  const prefixes = earlier.map(({ name }) => `${name}.laurel.`);
  const isInserted = (node: Node) =>
    recognized.nodes.has(node) || prefixes.some((prefix) => node.message.name.startsWith(prefix));
  const { found, rejected } = search({ setting, scopes, sums, options, isInserted }, named);
  const isUnlisted = (value: Value) => recognized.originals.has(value) && !listed.has(value);
  const unique = uniqueNames();
  const sites = found
    .reverse()
    .map(({ candidate, feature }) => siteOf(setting, unique(candidate.name), candidate, feature))
    .reverse();
  nameLayers(setting, sites);
  putInStreams(setting, sites);
  return {
    sites,
    rejected,
    unused: named.unused(),
    recognized: sites.filter(({ skip: { value } }) => isUnlisted(value)).length,
  };
}

function siteOf(
  setting: Setting,
  name: string,
  { within, sum, skip, branches, kind }: Candidate,
  feature: Feature,
): Unplaced {
  const { form, node, output, place, bias } = sum;
  const { dtype, shape } = setting.types.get(output)!;
  return {
    name,
    layer: name,
    node,
    within,
    scope: node.scope,
    output,
    place,
    skip,
    branches,
    bias,
    kind: isLaurel(setting, skip, branches, feature.size) ? "laurel" : kind,
    form,
    dtype,
    feature,
    shape: shape!.map((dim, axis) => (axis === feature.axis ? feature.size : dim)),
    stream: -1,
    position: -1,
    previous: null,
  };
}

/** What a search looks at, and which nodes are LAuReL's own. */
interface Search {
  readonly setting: Setting;
  readonly scopes: readonly Scope[];
  readonly sums: ReadonlyMap<Node, Sum>;
  readonly options: ResidualOptions;
  readonly isInserted: (node: Node) => boolean;
}

/**
 * Returns the sums that have slots and a feature axis, and all others with their reasons, in the
 * order in which they are computed. The search begins with the last sum, which absorbs the sums
 * inside it. If it has no feature axis, the sums inside it are searched by themselves.
 */
function search(searching: Search, named: NamedAxes) {
  const { setting, scopes, sums } = searching;
  const order = new Map(scopes.map((scope, k) => [scope, k]));
  const inOrder = ({ node: a }: Pick<Sum, "node">, { node: b }: Pick<Sum, "node">) =>
    order.get(a.scope)! - order.get(b.scope)! || a.index - b.index;
  const candidates: Candidate[] = [];
  const rejected: Rejection[] = [];
  const absorbed = new Set<Node>();
  const axes = new Map<Candidate, FoundAxis>();
  for (let pending = [...sums.keys()].reverse(); pending.length > 0; ) {
    for (const node of pending) {
      const seen = absorbed.has(node) ? null : sumAt(searching, node);
      if (seen === null) continue;
      if ("reason" in seen) rejected.push(seen);
      else {
        candidates.push(seen);
        for (const inner of innerSums(seen)) absorbed.add(inner);
      }
    }
    candidates.sort((a, b) => inOrder(a.sum, b.sum));
    pending = [];
    for (const [k, axis] of featureAxes(setting, candidates, named).entries()) {
      const candidate = candidates[k];
      if ("reason" in axis && !axes.has(candidate)) {
        const { within, sum } = candidate;
        const refused = rejection(sum.node, sum.output, axis.reason);
        rejected.push({ ...refused, within, axisless: true });
        pending.unshift(...innerSums(candidate));
      }
      axes.set(candidate, axis);
    }
    for (const node of pending) absorbed.delete(node);
  }
  const found = candidates.flatMap((candidate) => {
    const feature = axes.get(candidate)!;
    return "reason" in feature ? [] : [{ candidate, feature }];
  });
  return { found, rejected: rejected.sort(inOrder) };
}

/** The sum that a node holds, with its slots or the reason why it has none; null if it holds none. */
function sumAt({ setting, sums, options, isInserted }: Search, node: Node) {
  const sum = sums.get(node);
  if (!sum || isInserted(node)) return null;
  const within = options.within?.get(sum.output.name) ?? null;
  const places = slots(setting, sum);
  const optional = "reason" in places ? places.optional : undefined;
  const isAsked = !sum.rare && options.also?.some((kind) => kind === optional?.kind);
  const asked = isAsked ? optional : undefined;
  const chosen = "skip" in places ? places : asked;
  if (!chosen) {
    const { reason } = places as Exclude<typeof places, { skip: unknown }>;
    if (sum.rare && !["scattered", "subtracted"].includes(reason.code)) return null;
    const kind = (optional?.kind as OptionalKind) ?? null;
    return { ...rejection(node, sum.output, reason), within, kind };
  }
  const name = nameOf(within ?? node);
  const known = options.features?.get(sum.output.name) ?? null;
  const { skip, branches, kind } = chosen;
  return { name, within, sum, skip, branches, kind, known } satisfies Candidate;
}

/** Returns the sums inside a sum that it absorbs. */
function innerSums({ sum, skip, branches }: Candidate): ReadonlySet<Node> {
  const inner = new Set([skip, ...branches].map(({ use }) => use.node));
  inner.delete(sum.node);
  return inner;
}

/** Returns x_i by the value that a sum reads instead since the insertion, according to the manifest. */
function listedOriginals(
  scopes: readonly Scope[],
  earlier: readonly ManifestSite[],
): ReadonlyMap<Value, Value> {
  const originals = new Map<Value, Value>();
  for (const { values } of scopes)
    for (const { augmented, skip } of earlier) {
      const value = values.get(augmented);
      const x = value && visible(value.scope, skip);
      if (x) originals.set(value, x);
    }
  return originals;
}

/** Returns a node's name, qualified by its scope. */
const nameOf = (node: Node): string =>
  node.scope.owner ? `${pathOf(node.scope)}/${labelOf(node)}` : labelOf(node);
