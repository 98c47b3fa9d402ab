import { between, hasRule } from "../passes/gradient/way.ts";
import { canOpen, open } from "../passes/open/index.ts";
import { withoutSequences } from "../passes/open/sequences.ts";
import type { Sizes } from "./graph/bound.ts";
import { branchTaken, withoutIf } from "./graph/branch.ts";
import type { Graph, Node, Scope } from "./graph/graph.ts";
import { inlined } from "./graph/inline.ts";
import { applyPatch, type Patch } from "./graph/patch.ts";
import type { Types } from "./graph/types.ts";
import { type Model, modelOf } from "./model.ts";
import type { Ort } from "./runtime/session.ts";
import { type Settled, settled } from "./settled.ts";

/**
 * A model whose sizes are settled, and in which what lies between some values and others is
 * written in operators that have a gradient, as far as they have a plainer form: composite
 * operators, functions of the model's own, Ifs that always take the same branch, sequences.
 */
export async function plainBetween(
  model: Model,
  ort: Ort,
  dims: Sizes,
  from: readonly string[],
  to: (settled: Settled) => readonly string[],
): Promise<Settled> {
  let now = await settled(model, ort, dims, from);
  for (;;) {
    const { graph } = now.model;
    const named = (names: readonly string[]) =>
      names.flatMap((name) => graph.main.values.get(name) ?? []);
    const closed = between(graph, named(from), named(to(now))).filter((node) => !hasRule(node));
    const patch = plainer(graph, now.types, closed);
    if (!patch) return now;
    const { source, folder } = await applyPatch(graph, patch);
    now = await settled(modelOf(source, folder), ort, {}, from);
  }
}

/** The first of the ways that some of these nodes can be written plainer; null where there is none. */
function plainer(graph: Graph, types: Types, nodes: readonly Node[]): Patch | null {
  const all = new Set(nodes);
  const calls = inlined(graph, (node) => all.has(node));
  if (calls) return calls.patch;
  const taken = new Map<Node, Scope>();
  for (const node of nodes) {
    const branch = branchTaken(graph, node);
    if (branch) taken.set(node, branch);
  }
  if (taken.size > 0) return withoutIf(graph, taken);
  const tensors = withoutSequences(graph, types, nodes);
  if (tensors) return tensors;
  const composite = nodes.filter(canOpen);
  return composite.length > 0 ? open(graph, types, composite) : null;
}
