import { InputError } from "../../src/errors.ts";
import { titleOf } from "../../src/graph/called.ts";
import type { Graph, Node, Value } from "../../src/graph/graph.ts";
import { isFloat, type Types } from "../../src/graph/types.ts";
import { sourcesOf, walk } from "../../src/graph/walk.ts";
import { type GradientRule, inert, type VjpTable } from "./rule.ts";
import { vjp } from "./vjp.ts";

/** What lies between the weights and the ends: there alone cotangents go. */
export interface ActiveSubgraph {
  /** In order, each with a rule. */
  readonly nodes: readonly Node[];
  /** Values that lead from a weight to an end. */
  readonly active: ReadonlySet<Value>;
  /** The type of a value's cotangents: its own, or that of the floats that it stands for. */
  readonly dtypeOf: (value: Value) => string;
}

/** Whether there is a rule for a node's operator. */
export const hasRule = (node: Node) => ruleOf(node) !== undefined;

/** The nodes of the main graph that some values lead through to others. */
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

/** The rule of an operator, where there is one. */
export const ruleOf = (node: Node): GradientRule | undefined => (vjp as VjpTable)[node.op];

/** The nodes through which cotangents go. Throws an InputError where one of them has no rule. */
export function wayBetween(
  graph: Graph,
  types: Types,
  roots: readonly Value[],
  ends: readonly Value[],
): ActiveSubgraph {
  const leading = upstream(ends);
  const active = new Set(roots.filter((root) => leading.has(root)));
  const standing = new Map<Value, string>();
  const dtypeOf = (value: Value) => standing.get(value) ?? types.get(value)?.dtype ?? "float";
  const nodes: Node[] = [];
  for (const node of graph.main.nodes) {
    const reads = readsOf(node).filter((value) => active.has(value));
    const rule = ruleOf(node);
    if (reads.length === 0 || rule === inert) continue;
    const rounds = node.op === "QuantizeLinear";
    const carried = new Set(reads.map((value) => types.get(value)?.dtype));
    const outputs = node.outputs.filter((value): value is Value => {
      if (!value || !leading.has(value)) return false;
      const dtype = types.get(value)?.dtype;
      // A sequence has no type here.
      return isFloat(dtype) || rounds || carried.has(dtype) || dtype === undefined;
    });
    if (outputs.length === 0) continue;
    if (!rule) throw cutOff(node, roots, ends);
    nodes.push(node);
    for (const value of outputs) {
      active.add(value);
      if (!isFloat(types.get(value)?.dtype)) standing.set(value, dtypeOf(reads[0]));
    }
  }
  return { nodes, active, dtypeOf };
}

const readsOf = ({ inputs, captures }: Node): Value[] =>
  [...inputs, ...captures].filter((value) => value !== null);

/** The values, and all that they are computed from. */
const upstream = (ends: readonly Value[]): Set<Value> => new Set(walk(ends, sourcesOf));

/** How many weights a message names before it only counts them. */
const NAMED = 3;

function cutOff(node: Node, roots: readonly Value[], ends: readonly Value[]): InputError {
  const behind = upstream(readsOf(node));
  const lost = roots.filter((root) => behind.has(root)).map(({ name }) => name);
  const more = lost.length > NAMED ? ` and ${lost.length - NAMED} more` : "";
  const names = lost.slice(0, NAMED).join(", ") + more;
  return new InputError(
    `${titleOf(node)} has no gradient rule, and it cuts ${names} off from ${ends.map(({ name }) => name).join(", ")}; leave these weights out, or end at a value before it.`,
  );
}
