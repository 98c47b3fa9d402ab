import { type Graph, type Node, outputsOf, type Scope } from "../../src/graph/graph.ts";
import { scopesOf } from "../../src/graph/scopes.ts";
import { derived, scopesIn } from "../../src/graph/walk.ts";
import { type Inlined, inlined, misfitOf } from "../lower/inline.ts";
import { forms } from "../residuals/index.ts";
import { type Reason, reasons } from "../residuals/reasons.ts";
import type { Rejection, Site } from "../residuals/residual.ts";

/** Whether a function's body holds a sum, in its calls and bodies too. */
const holder = (graph: Graph) =>
  derived<Scope, boolean>(
    ({ nodes }, holds) =>
      nodes.some(
        (node) =>
          forms.some((form) => form.sumOf(node, { graph, types: new Map() })) ||
          scopesIn(node).some((one) => holds(one)),
      ),
    () => false,
  );

/** Inlines every function that holds a sum; returns null if there is none. */
export function inlineSums(graph: Graph): Inlined | null {
  const holds = holder(graph);
  return inlined(graph, ({ callee }) => holds(callee!));
}

/** Returns calls with sums that cannot be inlined: their operators mean something else here. */
export function closedCalls(graph: Graph): Rejection[] {
  const holds = holder(graph);
  const misfit = (callee: Scope): Reason | null => {
    const why = misfitOf(graph, callee);
    if (why !== null) return reasons.closedFunction(callee.name, why);
    for (const { callee: inner } of callee.nodes) {
      const reason = inner && holds(inner) ? misfit(inner) : null;
      if (reason) return reason;
    }
    return null;
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
