import { type Graph, type Node, outputsOf, type Scope } from "../../src/graph/graph.ts";
import { scopesOf } from "../../src/graph/scopes.ts";
import { type Inlined, inlined, misfitOf } from "../lower/inline.ts";
import { forms } from "../residuals/index.ts";
import { type Reason, reasons } from "../residuals/reasons.ts";
import type { Rejection, Site } from "../residuals/residual.ts";

/** Whether a function's body holds a sum, in its calls and bodies too. */
function holder(): (scope: Scope) => boolean {
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
  return holds;
}

/** Inlines every function that holds a sum; returns null if there is none. */
export function inlineSums(graph: Graph): Inlined | null {
  const holds = holder();
  return inlined(graph, ({ callee }) => holds(callee!));
}

/** Returns calls with sums that cannot be inlined: their operators mean something else here. */
export function closedCalls(graph: Graph): Rejection[] {
  const holds = holder();
  const misfit = (callee: Scope): Reason | null => {
    const why = misfitOf(graph, callee);
    if (why !== null) return reasons.closedFunction(callee.name, why);
    return first(callee.nodes, ({ callee: inner }) =>
      inner && holds(inner) ? misfit(inner) : null,
    );
  };
  return [...scopesOf(graph)].flatMap(({ nodes }) =>
    nodes.flatMap((node) => {
      const output = node.outputs.find(Boolean);
      const reason = node.callee && holds(node.callee) ? misfit(node.callee) : null;
      if (!reason || !output) return [];
      const { text, code } = reason;
      return [{ node, within: null, output, reason: text, code, kind: null }];
    }),
  );
}

/** Returns the first answer that is not null. */
function first<T, A>(all: readonly T[], ask: (one: T) => A | null): A | null {
  for (const one of all) {
    const answer = ask(one);
    if (answer !== null) return answer;
  }
  return null;
}

/** Returns the calls to inline for these sites, by path: those around a slot of a site. */
export function callsWith(sites: readonly Site[], { calls, callOf }: Inlined): ReadonlySet<string> {
  const direct = new Set<string>();
  const add = (node: Node) => {
    for (const { name } of outputsOf(node)) {
      const call = callOf.get(name);
      if (call !== undefined) direct.add(call);
    }
  };
  for (const { node, within, skip, branches } of sites) {
    if (within) add(within);
    for (const slot of [node, skip.use.node, ...branches.map(({ use }) => use.node)]) add(slot);
  }
  const encloses = (label: string) => (call: string) =>
    call === label || call.startsWith(`${label}/`);
  return new Set(calls.filter((label) => [...direct].some(encloses(label))));
}
