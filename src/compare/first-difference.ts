import type { Graph, Node, TypedGraph, Value } from "../graph/graph.ts";
import { type ScopeStep, stepsInto } from "../graph/scopes.ts";
import { bodyInputs } from "../infer/loops.ts";
import { sessionTypes } from "../infer/session-types.ts";
import type { Ort, Tensors } from "../ort/session.ts";
import { attributeDifferences } from "./attributes.ts";
import type { Difference } from "./difference.ts";
import { nameAndOperator } from "./finding.ts";
import {
  type Found,
  firstInScope,
  pairsIn,
  type ScopePair,
  type ScopeSearch,
} from "./first-in-scope.ts";
import type { Counterpart } from "./matching.ts";

/** A node in one of two models. */
export interface NodeReport {
  readonly name: string;
  readonly op: string;
  /** Names of its inputs. */
  readonly inputs: readonly string[];
}

/** The first value of the same name that differs between two models, and the nodes that make it. */
export interface FirstDifference {
  readonly value: string;
  /** The exporter's scope in the node's name: "/layer1/layer1.0"; "" if there is none. */
  readonly scope: string;
  /** The enclosing bodies and functions, outermost first: "then_branch of /If (If)". */
  readonly inside: readonly string[];
  readonly a: NodeReport;
  readonly b: NodeReport;
  /** Null if the values inside cannot be exposed: these nodes are the first that differ in form. */
  readonly difference: Difference | null;
  /** Number of values of the main graph compared so far, this one included. */
  readonly compared: number;
}

interface ComparedRun {
  readonly ort: Ort;
  readonly a: TypedGraph;
  readonly b: Graph;
  readonly pairs: readonly Counterpart[];
  readonly feeds: readonly Tensors[];
  readonly dims: Readonly<Record<string, number>>;
}

/**
 * Runs both models with optimizations disabled and finds the first value, in the first model's
 * topological order, that is not bit-identical in both. If a node with bodies or a call of a
 * function makes it, the search continues inside. Returns null if no value visibly differs.
 */
export async function firstDifference(run: ComparedRun): Promise<FirstDifference | null> {
  const { a, b, feeds, ...search } = run;
  const main: ScopePair = [
    { graph: a.graph, path: [] },
    { graph: b, path: [] },
  ];
  for (const feed of feeds) {
    const typed = { ...search, feed, types: new Map(a.types) };
    const first = await firstInScope(typed, main);
    if (first) return { ...(await inside(typed, main, first)), compared: first.compared };
  }
  return null;
}

type Located = Omit<FirstDifference, "compared">;

/** Follows a difference into the bodies of its node, as deep as values can be exposed. */
async function inside(search: ScopeSearch, [a, b]: ScopePair, found: Found): Promise<Located> {
  const others = stepsInto(found.pair.b);
  let written: Located | null = null;
  for (const [k, step] of stepsInto(found.pair.a).entries()) {
    if (!others[k]) continue;
    const body: ScopePair = [
      { graph: a.graph, path: [...a.path, step] },
      { graph: b.graph, path: [...b.path, others[k]] },
    ];
    await addTypes(search, step);
    const deeper = await firstInScope(search, body);
    if (deeper) return inside(search, body, deeper);
    written ??= writtenDifferently(search, body);
  }
  return written ?? located(a.path, found.pair, found.value, found.difference);
}

/** Adds the types of values in a body or function, if onnxruntime can infer them. */
async function addTypes({ ort, types }: ScopeSearch, { node, scope }: ScopeStep) {
  const known = (value: Value) => types.get(value) ?? null;
  const inputs = node.callee
    ? scope.inputs.map((input, k) => [input, node.inputs[k] && known(node.inputs[k])] as const)
    : bodyInputs(scope, known).types;
  for (const [value, type] of inputs) if (type) types.set(value, type);
  try {
    const session = await sessionTypes(ort, known, scope.nodes);
    for (const [value, type] of session.types) types.set(value, type);
  } catch {
    // Without types the values of an If's branch cannot be exposed.
  }
}

/** Returns the first node whose inputs, attributes or operator differ in the second model. */
function writtenDifferently(search: ScopeSearch, [a, b]: ScopePair): Located | null {
  const differing = pairsIn(search, [a, b]).find(
    (pair) =>
      pair.a.message.inputs.join("\0") !== pair.b.message.inputs.join("\0") ||
      attributeDifferences(pair).length > 0,
  );
  const value = differing?.a.outputs.find(Boolean)?.name;
  return differing && value ? located(a.path, differing, value, null) : null;
}

const located = (
  path: readonly ScopeStep[],
  pair: Counterpart,
  value: string,
  difference: Difference | null,
): Located => ({
  value,
  scope: pair.a.message.name.split("/").slice(0, -1).join("/"),
  inside: path.map(({ node, part }) => `${part} of ${nameAndOperator(node)}`),
  a: reportOf(pair.a),
  b: reportOf(pair.b),
  difference,
});

const reportOf = (node: Node): NodeReport => ({
  name: node.message.name,
  op: node.op,
  inputs: node.message.inputs,
});
