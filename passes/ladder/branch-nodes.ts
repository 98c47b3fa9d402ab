import { tensorOf } from "../../src/graph/constants.ts";
import type { Node, Value } from "../../src/graph/graph.ts";
import { operatorsThat } from "../../src/graph/operators.ts";
import { isFloat, typeOfTensor } from "../../src/graph/types.ts";
import { sourcesOf, walk } from "../../src/graph/walk.ts";
import { elements } from "../../src/onnx/dtypes.ts";

const LAYOUT = operatorsThat("layout");
const SIZES = operatorsThat("sizes");
const MIXING = [
  ...operatorsThat("convolution"),
  ...operatorsThat("product"),
  ...operatorsThat("block"),
  ...operatorsThat("attention"),
];
const MIXERS: ReadonlySet<string> = new Set(MIXING);

/**
 * Returns the nodes between a skip and the branches computed from it, in topological order. If the
 * skip lies in an outer scope, these are the nodes of the branches' own scope.
 */
export function nodesOfBranch(skip: Value, branches: readonly Value[]): Node[] {
  const [first] = branches;
  if (!first) return [];
  const { scope } = first;
  const start = skip.scope === scope ? (skip.producer?.index ?? -1) : -1;
  const isInside = (value: Value) =>
    value !== skip && value.scope === scope && (value.producer?.index ?? -1) > start;
  const reached = [
    ...walk(branches.filter(isInside), (value) => sourcesOf(value).filter(isInside)),
  ];
  const nodes = [...new Set(reached.map(({ producer }) => producer!))];
  nodes.sort((a, b) => a.index - b.index);
  const dependent = new Set<Value>([skip]);
  const computed = nodes.filter((node) => {
    const reads = [...node.inputs, ...node.captures].some((value) => value && dependent.has(value));
    if (reads) for (const output of node.outputs) if (output) dependent.add(output);
    return reads;
  });
  return computed.length > 0 ? computed : nodes;
}

/** An operator of a branch, and how often it occurs. */
export interface BranchOperator {
  readonly op: string;
  readonly count: number;
}

/** Returns the operators of some nodes in the order in which each occurs first. */
export function operatorsOf(nodes: readonly Node[]): BranchOperator[] {
  const counts = new Map<string, number>();
  for (const { op } of nodes) counts.set(op, (counts.get(op) ?? 0) + 1);
  return [...counts].map(([op, count]) => ({ op, count }));
}

/**
 * Returns a short name of a branch: its operators without those that only move values, neighbours
 * of one kind counted together. A long name keeps the operators that mix features with weights.
 */
export function branchLabel(nodes: readonly Node[], limit: number): string {
  const telling = nodes.filter(({ op }) => !LAYOUT.has(op) && !SIZES.has(op));
  const label = joined(telling.length > 0 ? telling : nodes);
  const mixers = nodes.filter(({ op }) => MIXERS.has(op));
  return label.length <= limit || mixers.length === 0 ? label : joined(mixers);
}

function joined(nodes: readonly Node[]): string {
  const runs: { op: string; count: number }[] = [];
  for (const { op } of nodes) {
    const last = runs.at(-1);
    if (last?.op === op) last.count++;
    else runs.push({ op, count: 1 });
  }
  return runs.map(({ op, count }) => (count > 1 ? `${bare(op)} ×${count}` : bare(op))).join(" → ");
}

/** Operators by their usual short names, without their domain. */
const bare = (op: string) => {
  const name = op.slice(op.lastIndexOf(".") + 1);
  return SHORT.get(name) ?? name;
};

const SHORT: ReadonlyMap<string, string> = new Map([
  ["BatchNormalization", "BatchNorm"],
  ["LayerNormalization", "LayerNorm"],
  ["GroupNormalization", "GroupNorm"],
  ["InstanceNormalization", "InstanceNorm"],
  ["SimplifiedLayerNormalization", "RMSNorm"],
  ["SkipLayerNormalization", "SkipLayerNorm"],
  ["SkipSimplifiedLayerNormalization", "SkipRMSNorm"],
  ["MultiHeadAttention", "Attention"],
  ["GlobalAveragePool", "GlobalAvgPool"],
]);

/** Returns the number of distinct float weights that some nodes read. */
export function weightsRead(nodes: readonly Node[]): number {
  const values = new Set(nodes.flatMap(({ inputs }) => inputs));
  let sum = 0;
  for (const value of values) {
    if (!value || !tensorOf(value)) continue;
    const type = typeOfTensor(value);
    if (isFloat(type?.dtype)) sum += elements((type!.shape ?? []).map(Number));
  }
  return sum;
}
