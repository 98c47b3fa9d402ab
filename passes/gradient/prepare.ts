import type { Sizes } from "../../src/graph/bound.ts";
import type { Graph, Node } from "../../src/graph/graph.ts";
import type { Patch } from "../../src/graph/patch-contents.ts";
import type { Types } from "../../src/graph/types.ts";
import { type Model, patched } from "../../src/model.ts";
import type { Ort } from "../../src/ort/session.ts";
import { withoutIf } from "../lower/branch.ts";
import { bothBranches, branchTaken, checkChosen } from "../lower/if-branches.ts";
import { canOpen, open } from "../lower/index.ts";
import { inlined } from "../lower/inline.ts";
import { withoutSequences } from "../lower/sequences.ts";
import { between, hasRule } from "./active-subgraph.ts";
import { type Specialized, specialize } from "./specialize.ts";

/** The part of a model to differentiate. */
export interface DifferentiatedPart {
  /** Sizes of free dimensions by name. */
  readonly dims?: Sizes;
  readonly from: readonly string[];
  readonly to: (specialized: Specialized) => readonly string[];
}

/**
 * Returns a model with fixed sizes in which everything between some values and others is lowered to
 * operators with a gradient, as far as possible: composite operators, the model's own functions,
 * sequences, and Ifs (the only branch taken, or both followed by Where). Throws an InputError if
 * two branches give tensors of different shapes.
 */
export async function plainBetween(
  model: Model,
  ort: Ort,
  { dims = {}, from, to }: DifferentiatedPart,
): Promise<Specialized> {
  let now = await specialize(model, ort, { dims, free: from });
  const chosen = new Set<string>();
  for (;;) {
    const { graph } = now.model;
    const named = (names: readonly string[]) =>
      names.flatMap((name) => graph.main.values.get(name) ?? []);
    const closed = between(graph, named(from), named(to(now))).filter((node) => !hasRule(node));
    const patch = plainer(graph, now.types, closed, chosen);
    if (!patch) {
      checkChosen(graph, now.types, chosen);
      return now;
    }
    now = await specialize(await patched(graph, patch), ort, { free: from });
  }
}

/**
 * Returns the first applicable lowering of these nodes; null if there is none. Adds to `chosen` the
 * values that are chosen from two branches.
 */
function plainer(
  graph: Graph,
  types: Types,
  nodes: readonly Node[],
  chosen: Set<string>,
): Patch | null {
  const all = new Set(nodes);
  const calls = inlined(graph, (node) => all.has(node));
  if (calls) return calls.patch;
  // Also nodes elsewhere, because values after them have no sizes until they are lowered.
  const taken = ifsOf(graph.main.nodes, (node) => branchTaken(graph, node));
  if (taken.size > 0) return withoutIf(graph, types, taken);
  const tensors = withoutSequences(graph, types, nodes);
  if (tensors) return tensors;
  const composite = nodes.filter(canOpen);
  if (composite.length > 0) return open(graph, types, composite);
  const both = ifsOf(nodes, (node) => bothBranches(graph, types, node));
  for (const { outputs } of both.keys())
    for (const output of outputs) if (output) chosen.add(output.name);
  return both.size > 0 ? withoutIf(graph, types, both) : null;
}

/** Returns the Ifs among nodes whose branches can be written. */
function ifsOf<B extends NonNullable<unknown>>(
  nodes: readonly Node[],
  branchesOf: (node: Node) => B | null,
): ReadonlyMap<Node, B> {
  return new Map(
    nodes.flatMap((node) => {
      const branches = branchesOf(node);
      return branches ? [[node, branches] as const] : [];
    }),
  );
}
