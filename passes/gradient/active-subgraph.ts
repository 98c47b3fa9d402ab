import { groupBy } from "../../src/entry.ts";
import {
  called,
  type Graph,
  type Node,
  readsOf,
  type TypedGraph,
  type Value,
} from "../../src/graph/graph.ts";
import { own } from "../../src/graph/own.ts";
import { sourcesOf, walk } from "../../src/graph/walk.ts";
import { isFloat } from "../../src/onnx/dtypes.ts";
import type { Known } from "./gradient-node.ts";
import { NoGradientError } from "./no-gradient-error.ts";
import { ROUNDING } from "./quantization.ts";
import { type GradientRule, type GradientRules, inert, type VjpTable } from "./rule.ts";
import { vjp } from "./vjp.ts";

/** The nodes between the weights and the ends, which are the only ones with cotangents. */
export interface ActiveSubgraph extends Pick<Known, "active" | "dtypeOf"> {
  /** In topological order, each with a rule. */
  readonly nodes: readonly Node[];
}

/** Returns the nodes of the main graph on paths from some values to others. */
export function between(graph: Graph, from: readonly Value[], to: readonly Value[]): Node[] {
  const leading = upstream(to);
  const reached = new Set(from);
  return graph.main.nodes.filter((node) => {
    const on = readsOf(node).some((value) => reached.has(value));
    const outputs = node.outputs.filter((value) => value !== null && leading.has(value));
    if (on) for (const value of outputs) reached.add(value!);
    return on && outputs.length > 0;
  });
}

/** Returns the rule of an operator, if it has one; a user's comes first. */
export const ruleOf = ({ op }: Node, rules: GradientRules): GradientRule | undefined =>
  own(rules, op) ?? own(vjp as VjpTable, op);

interface Differentiable extends TypedGraph {
  readonly rules: GradientRules;
  /** Why composite nodes could not be lowered, by their names. */
  readonly reasons: ReadonlyMap<string, string>;
}

/** Returns the nodes that cotangents pass. Throws a NoGradientError if some of them have no rule. */
export function activeSubgraph(
  known: Differentiable,
  roots: readonly Value[],
  ends: readonly Value[],
): ActiveSubgraph {
  const { graph, types, rules } = known;
  const leading = upstream(ends);
  const active = new Set(roots.filter((root) => leading.has(root)));
  const standing = new Map<Value, string>();
  const dtypeOf = (value: Value) => standing.get(value) ?? types.get(value)?.dtype ?? "float";
  const nodes: Node[] = [];
  const without: Node[] = [];
  for (const node of graph.main.nodes) {
    const reads = readsOf(node).filter((value) => active.has(value));
    const rule = ruleOf(node, rules);
    if (reads.length === 0 || rule === inert) continue;
    const rounds = ROUNDING.has(node.op);
    const carried = new Set(reads.map((value) => types.get(value)?.dtype));
    const outputs = node.outputs.filter((value, k): value is Value => {
      if (!value || !leading.has(value) || (rounds && k > 0)) return false;
      const dtype = types.get(value)?.dtype;
      // Sequences do not have a type here.
      return isFloat(dtype) || rounds || carried.has(dtype) || dtype === undefined;
    });
    if (outputs.length === 0) continue;
    if (rule) nodes.push(node);
    else without.push(node);
    for (const value of outputs) {
      active.add(value);
      if (!isFloat(types.get(value)?.dtype)) standing.set(value, dtypeOf(reads[0]));
    }
  }
  if (without.length > 0) throw withoutRule(known.reasons, without, { roots, ends });
  return { nodes, active, dtypeOf };
}

/** Returns the values, and everything that they are computed from. */
const upstream = (ends: readonly Value[]): Set<Value> => new Set(walk(ends, sourcesOf));

/** Lists nodes without a rule, or whose rule does not cover them, with reasons by their names. */
export function withoutRule(
  reasons: ReadonlyMap<string, string>,
  nodes: readonly Node[],
  { roots, ends }: { readonly roots: readonly Value[]; readonly ends: readonly Value[] },
): NoGradientError {
  const behind = upstream(nodes.flatMap(readsOf));
  const weights = roots.filter((root) => behind.has(root)).map(({ name }) => name);
  const operators = [...groupBy(nodes, ({ op }) => op)]
    .map(([op, all]) => {
      const names = all.map(called);
      const reason = names.flatMap((name) => reasons.get(name) ?? [])[0] ?? null;
      return { op, count: names.length, nodes: names, reason };
    })
    .sort((a, b) => b.count - a.count);
  return new NoGradientError(operators, { weights, ends: ends.map(({ name }) => name) });
}
