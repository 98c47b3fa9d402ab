import { constants } from "../../src/graph/constants.ts";
import {
  type Graph,
  InputError,
  type Node,
  type Scope,
  type Value,
} from "../../src/graph/graph.ts";
import { labelOf, pathOf, scopesOf, visible } from "../../src/graph/scopes.ts";
import type { Types } from "../../src/graph/types.ts";
import type { ManifestSite } from "../manifest.ts";
import { blockedValues } from "./blocked.ts";
import { closedSum } from "./closed-sum.ts";
import { featureAxis } from "./feature-axis.ts";
import { isLaurel } from "./laurel-block.ts";
import { plainSum } from "./plain-sum.ts";
import { Reach } from "./reach.ts";
import type { Form, OptionalKind, Rejection, Setting, Site, Sum } from "./residual.ts";
import { OPTIONAL_KINDS } from "./residual.ts";
import { layers } from "./same-layer.ts";
import { biasAdd, skipNorm } from "./skip-norm.ts";
import { slots } from "./slots.ts";
import { inStreams, type Unplaced } from "./streams.ts";
import { whyNot } from "./why-not.ts";

/** Every way in which a node holds a sum. */
export const forms: readonly Form[] = [plainSum, skipNorm, biasAdd, closedSum];

/** What a search found: the residual connections, and every other sum with its reason. */
export interface Residuals {
  readonly sites: readonly Site[];
  readonly rejected: readonly Rejection[];
}

/** Options of the search. */
export interface ResidualOptions {
  /** What the model says of earlier laurelizations: their nodes are no sums of its own. */
  readonly earlier?: readonly ManifestSite[] | undefined;
  /** Values that are made in place of composite nodes which were opened. */
  readonly within?: ReadonlyMap<string, Node> | undefined;
  /** Feature axis of every site, for sums where the graph does not tell it. May be negative. */
  readonly featureAxis?: number | undefined;
  /** Kinds of sums that are left alone otherwise. */
  readonly also?: readonly OptionalKind[] | undefined;
}

/** Finds the residual connections of the main graph and of the bodies inside it. Changes nothing. */
export function findSites(graph: Graph, types: Types, options: ResidualOptions = {}): Residuals {
  for (const kind of options.also ?? [])
    if (!OPTIONAL_KINDS.includes(kind))
      throw new InputError(`also ${kind} is none of ${OPTIONAL_KINDS.join(", ")}.`);
  const earlier = options.earlier ?? [];
  const scopes = [...scopesOf(graph)];
  const setting: Setting = {
    graph,
    types,
    constants: constants(graph),
    blocked: blockedValues(graph),
    augmented: augmentedBefore(scopes, earlier),
  };
  const own = earlier.map(({ name }) => `${name}.laurel.`);
  const reach = new Reach(setting);
  const nameOf = naming();
  const sites: Omit<Unplaced, "layer">[] = [];
  const rejected: Rejection[] = [];
  const absorbed = new Set<Node>();
  for (const node of scopes.reverse().flatMap(({ nodes }) => [...nodes].reverse())) {
    const inserted = own.some((prefix) => node.message.name.startsWith(prefix));
    const form =
      inserted || absorbed.has(node) ? undefined : forms.find((each) => each.sumOf(node));
    const sum = form?.sumOf(node);
    if (!form || !sum) continue;
    const within = options.within?.get(sum.output.name) ?? null;
    const found = slots(setting, reach, sum);
    const kindAsked =
      "reason" in found && options.also?.some((kind) => kind === found.optional?.kind);
    const taken = "skip" in found ? found : kindAsked ? found.optional! : null;
    if (!taken) {
      const { reason, optional } = found as Exclude<typeof found, { skip: unknown }>;
      rejected.push({
        node,
        within,
        output: sum.output,
        reason,
        kind: (optional?.kind as OptionalKind) ?? null,
      });
      continue;
    }
    const { skip, branches, kind } = taken;
    const { dtype, shape } = types.get(sum.output)!;
    const feature = axisOf(setting, options, sum, taken);
    if ("reason" in feature) {
      rejected.push({ node, within, output: sum.output, reason: feature.reason, kind: null });
      continue;
    }
    for (const term of [skip, ...branches]) if (term.use.node !== node) absorbed.add(term.use.node);
    sites.push({
      name: nameOf(within ?? node),
      node,
      within,
      scope: node.scope,
      output: sum.output,
      place: sum.place,
      skip,
      branches,
      bias: sum.bias,
      kind: isLaurel(setting, skip, branches, feature.size) ? "laurel" : kind,
      form: form.name,
      dtype,
      shape: shape!,
      feature,
    });
  }
  return {
    sites: inStreams(setting, layers(setting, sites.reverse())),
    rejected: rejected.reverse(),
  };
}

function axisOf(
  setting: Setting,
  options: ResidualOptions,
  sum: Sum,
  { skip, branches }: Pick<Unplaced, "skip" | "branches">,
): ReturnType<typeof featureAxis> {
  if (options.featureAxis === undefined) return featureAxis(setting, sum, skip, branches);
  const shape = setting.types.get(sum.output)!.shape!;
  const axis = options.featureAxis < 0 ? options.featureAxis + shape.length : options.featureAxis;
  const size = shape[axis];
  return typeof size === "number"
    ? { axis, size }
    : { reason: whyNot.noFeatureAxis(`axis ${options.featureAxis} has no fixed size`) };
}

/** What the sums read since they were augmented, by the names that the manifest has of it, and x_i. */
function augmentedBefore(
  scopes: readonly Scope[],
  earlier: readonly ManifestSite[],
): ReadonlyMap<Value, Value> {
  const skips = new Map(earlier.map(({ augmented, skip }) => [augmented, skip]));
  const found = new Map<Value, Value>();
  for (const { values } of scopes)
    for (const value of values.values()) {
      const skip = skips.get(value.name);
      const x = skip === undefined ? undefined : visible(value.scope, skip);
      if (x) found.set(value, x);
    }
  return found;
}

/** Names nodes by where they are, none as another. */
function naming(): (node: Node) => string {
  const taken = new Set<string>();
  return (node) => {
    const { scope } = node;
    const name = scope.owner ? `${pathOf(scope)}/${labelOf(node)}` : labelOf(node);
    let free = name;
    for (let k = 1; taken.has(free); k++) free = `${name}_${k}`;
    taken.add(free);
    return free;
  };
}
