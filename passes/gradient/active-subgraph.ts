import { InputError } from "../../src/errors.ts";
import { titleOf } from "../../src/graph/called.ts";
import type { Graph, Node, Value } from "../../src/graph/graph.ts";
import { isFloat, type Types } from "../../src/graph/types.ts";
import { sourcesOf, walk } from "../../src/graph/walk.ts";
import { type GradientRule, inert, type VjpTable } from "./rule.ts";
import { vjp } from "./vjp.ts";

/** The nodes between the weights and the ends, which are the only ones with cotangents. */
export interface ActiveSubgraph {
  /** In topological order, each with a rule. */
  readonly nodes: readonly Node[];
  /** Values on a path from a weight to an end. */
  readonly active: ReadonlySet<Value>;
  /** The type of a value's cotangents: its own, or that of the floats that it represents. */
  readonly dtypeOf: (value: Value) => string;
}

/** Whether a node's operator has a rule. */
export const hasRule = (node: Node) => ruleOf(node) !== undefined;

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

/** Returns the rule of an operator, if it has one. */
export const ruleOf = (node: Node): GradientRule | undefined => (vjp as VjpTable)[node.op];

/** Returns the nodes that cotangents pass. Throws an InputError if one of them has no rule. */
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
      // Sequences do not have a type here.
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

/** Returns the values, and everything that they are computed from. */
const upstream = (ends: readonly Value[]): Set<Value> => new Set(walk(ends, sourcesOf));

/** Number of weights that a message names. */
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
