import type { Graph, Node, Scope } from "../../src/graph/graph.ts";
import { type Inlined, inlined } from "../../src/graph/inline.ts";
import { forms } from "../residuals/index.ts";
import type { Site } from "../residuals/residual.ts";

/** Writes every function that holds a sum in place of its calls; null where none does. */
export function openSums(graph: Graph): Inlined | null {
  const known = new Map<Scope, boolean>();
  const holds = (scope: Scope): boolean => {
    const answer =
      known.get(scope) ??
      scope.nodes.some(
        (node) =>
          forms.some((form) => form.sumOf(node)) ||
          (node.callee !== null && holds(node.callee)) ||
          node.bodies.some(holds),
      );
    known.set(scope, answer);
    return answer;
  };
  return inlined(graph, ({ callee }) => holds(callee!));
}

/**
 * The calls that have to be opened so that these sites lie in the graph, each by its way: those
 * that hold a slot of one, and the calls around them.
 */
export function callsWith(sites: readonly Site[], { callOf }: Inlined): ReadonlySet<string> {
  const calls = new Set<string>();
  const add = (node: Node) => {
    for (const { name } of node.outputs.filter((value) => value !== null)) {
      const call = callOf.get(name);
      if (call !== undefined) calls.add(call);
    }
  };
  for (const { node, skip, branches } of sites)
    for (const slot of [node, skip.use.node, ...branches.map(({ use }) => use.node)]) add(slot);
  return calls;
}

/** Writes functions in place of these calls, and of those around them. */
export const openCalls = (graph: Graph, calls: ReadonlySet<string>): Inlined | null =>
  inlined(graph, (_, label) =>
    [...calls].some((call) => call === label || call.startsWith(`${label}/`)),
  );
