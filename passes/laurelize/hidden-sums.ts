import { InputError } from "../../src/errors.ts";
import {
  type Graph,
  type Node,
  outputsOf,
  type Scope,
  type Types,
  titleOf,
  type Value,
} from "../../src/graph/graph.ts";
import { operandsThat } from "../../src/graph/operators.ts";
import { scopesOf } from "../../src/graph/scopes.ts";
import { derived, scopesIn } from "../../src/graph/walk.ts";
import { isComputed } from "../lower/composite.ts";
import { type Inlined, inlined, misfitOf } from "../lower/inline.ts";
import { sumIn } from "../residuals/index.ts";
import { type Reason, reasons } from "../residuals/reasons.ts";
import { type Rejection, rejection, type Site } from "../residuals/residual.ts";

const QUANTIZED = "com.microsoft.QLinearAdd";

const ADDED = operandsThat("added");

/** Whether a node holds a sum whose summands are not all its inputs, so that it must be lowered. */
export const hidesSum = (node: Node) =>
  node.op === QUANTIZED || isComputed(node, ADDED.get(node.op)?.[0] ?? -1);

/** Returns the reason why no sum of a node is a site: it adds a constant of fewer elements. */
export function addsConstant(
  types: Types,
  fixed: ReadonlySet<Value>,
  { op, inputs, outputs }: Node,
): Reason | null {
  const added = inputs[ADDED.get(op)?.[0] ?? -1];
  if (!added || !fixed.has(added)) return null;
  const [own, sum] = [types.get(added)?.shape, outputs[0] && types.get(outputs[0])?.shape];
  return own && sum && own.length < sum.length ? reasons.bias(added) : null;
}

/** Returns nodes that hold a sum without slots for it. Refuses one that lacks an operand. */
export function hiddenSums(graph: Graph): Node[] {
  const hidden = [...scopesOf(graph)].flatMap(({ nodes }) => nodes.filter(hidesSum));
  for (const node of hidden)
    for (const index of node.op === QUANTIZED ? [0, 1, 3, 4, 6] : [])
      if (!node.inputs[index])
        throw new InputError(
          `${graph.file.source.name}: ${titleOf(node)} lacks ${[0, 3].includes(index) ? "an operand" : "a scale"} (input ${index}); the model is damaged.`,
        );
  return hidden;
}

/** Whether a function's body holds a sum, in its calls and bodies too. */
const holder = () =>
  derived<Scope, boolean>(
    ({ nodes }, holds) =>
      nodes.some(
        (node) => sumIn(node, new Map()) !== null || scopesIn(node).some((one) => holds(one)),
      ),
    () => false,
  );

/** Inlines every function that holds a sum; returns null if there is none. */
export function inlineSums(graph: Graph): Inlined | null {
  const holds = holder();
  return inlined(graph, ({ callee }) => holds(callee!));
}

/** Returns calls with sums that cannot be inlined: their operators mean something else here. */
export function closedCalls(graph: Graph): Rejection[] {
  const holds = holder();
  const misfit = (callee: Scope): Reason | null => {
    const why = misfitOf(callee);
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
      return reason && output ? [rejection(node, output, reason)] : [];
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
