import type { Tensor } from "onnxruntime-common";
import type { Graph, Node, Scope, Value } from "../src/graph/graph.ts";
import type { Type } from "../src/graph/types.ts";
import { dtypeOf } from "../src/runtime/floats.ts";
import { type Ort, type Tensors, withSession } from "../src/runtime/session.ts";
import { skeleton } from "../src/runtime/skeleton.ts";
import type { Augmented } from "./augment.ts";

/** Every value of the original that a site's inserted nodes read. */
export const operandsOf = ({ site, operands }: Augmented): Value[] => [
  site.skip.value,
  ...operands,
  ...site.branches.map(({ value }) => value),
];

/**
 * Runs the nodes that lie between the given tensors and a sum alone, as they stand in the graph,
 * optimisations disabled. Null where onnxruntime does not take them, or one of the given tensors
 * is read by none of them.
 */
export async function runSum(
  ort: Ort,
  graph: Graph,
  sum: Value,
  given: Tensors,
): Promise<Tensor | null> {
  const own = twin(graph, sum);
  if (!own?.producer) return null;
  const nodes = between(own.producer, given);
  const read = new Set(nodes.flatMap((node) => node.inputs.filter((value) => value !== null)));
  const fed = new Set([...read].filter(({ name }) => name in given));
  if (fed.size < Object.keys(given).length) return null;
  const known = ({ name }: Value): Type | null =>
    name in given ? { dtype: dtypeOf(given[name]), shape: given[name].dims } : null;
  const model = skeleton(graph, nodes, known, [], fed);
  if (!model) return null;
  try {
    const got = await withSession(ort, { model: model.model }, "disabled", (session) =>
      session.run(given as Record<string, Tensor>, [own.name]),
    );
    return got[own.name];
  } catch {
    return null;
  }
}

/** The value of the same name, in the scope that stands where the value's own does. */
function twin(graph: Graph, { name, scope }: Value): Value | undefined {
  return scopeLike(graph, scope)?.values.get(name);
}

function scopeLike(graph: Graph, scope: Scope): Scope | undefined {
  if (scope.kind === "main") return graph.main;
  const { owner } = scope;
  if (!owner) return graph.functions.find(({ name }) => name === scope.name);
  const made = owner.outputs.find((value) => value !== null)?.name ?? "";
  const like = scopeLike(graph, owner.scope)?.values.get(made)?.producer;
  return like?.bodies[owner.bodies.indexOf(scope)];
}

/** The nodes between what is given and the sum, the sum's own included. */
function between(sum: Node, given: Tensors): Node[] {
  const nodes = new Set<Node>([sum]);
  for (const node of nodes)
    for (const value of node.inputs)
      if (value?.producer && !(value.name in given)) nodes.add(value.producer);
  return [...nodes];
}
