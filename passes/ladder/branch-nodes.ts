import { groupBy } from "../../src/entry.ts";
import { tensorOf, typeOfTensor } from "../../src/graph/constants.ts";
import { inputsOf, type Node, outputsOf, readsOf, type Value } from "../../src/graph/graph.ts";
import { hasFact, withoutDomain } from "../../src/graph/operators.ts";
import { bestFirst, sourcesOf, walk } from "../../src/graph/walk.ts";
import { elements, integerBits, isFloat } from "../../src/onnx/dtypes.ts";

/** Reached from the skip, from a branch, or from both. */
const [SKIP, BRANCH, BOTH] = [1, 2, 3];

/**
 * Returns the nodes of a site's branches, in topological order: those between the branches and the
 * values that the skip is computed from too, or is. At most `limit` nodes, the last ones.
 */
export function nodesOfBranch(skip: Value, branches: readonly Value[], limit: number): Node[] {
  const { reached, nodes } = backwards(skip, branches, limit);
  const dependent = new Set<Value>();
  for (const [value, from] of reached) if (from === BOTH) dependent.add(value);
  const sorted = [...nodes].sort((a, b) => a.index - b.index);
  const computed = sorted.filter((node) => {
    const reads = readsOf(node).some((value) => dependent.has(value));
    if (reads) for (const output of outputsOf(node)) dependent.add(output);
    return reads;
  });
  return computed.length > 0 ? computed : sorted;
}

/**
 * Walks back from skip and branches in their scope, the last value first, until they meet. What is
 * computed before all values where they meet does not depend on them.
 */
function backwards(skip: Value, branches: readonly Value[], limit: number) {
  const scope = branches[0]?.scope;
  const indexOf = (value: Value) => (value.scope === scope ? (value.producer?.index ?? -1) : -1);
  const reached = new Map<Value, number>();
  const pending = new Set<Value>();
  const nodes = new Set<Node>();
  /** Notes from where a value is reached; returns it if it is still to be visited. */
  const reach = (value: Value, from: number): Value[] => {
    reached.set(value, (reached.get(value) ?? 0) | from);
    if (indexOf(value) < 0 || pending.has(value)) return [];
    pending.add(value);
    return [value];
  };
  // A skip that is cast to the branch's type reads the branch, too.
  const ends = new Set(branches);
  const next = (value: Value) => {
    const from = reached.get(value)!;
    const sources = from === BOTH ? [] : sourcesOf(value).filter((each) => !each.initializer);
    return sources
      .filter((source) => from === BRANCH || !ends.has(source))
      .flatMap((source) => reach(source, from));
  };
  const starts = [...reach(skip, SKIP), ...branches.flatMap((branch) => reach(branch, BRANCH))];
  let meeting = -1;
  for (const value of bestFirst(starts, next, (each) => -indexOf(each))) {
    if (nodes.size >= limit) break;
    pending.delete(value);
    const from = reached.get(value)!;
    const isDone = meeting >= 0 && ![...pending].some((each) => reached.get(each) === SKIP);
    if (from === BRANCH && isDone && indexOf(value) < meeting) break;
    if (from === BRANCH) nodes.add(value.producer!);
    if (from === BOTH) meeting = meeting < 0 ? indexOf(value) : Math.min(meeting, indexOf(value));
  }
  return { reached, nodes };
}

/** An operator of a branch, and how often it occurs. */
export interface BranchOperator {
  readonly op: string;
  readonly count: number;
}

/** Returns the operators of some nodes in the order in which each occurs first. */
export function operatorsOf(nodes: readonly Node[]): BranchOperator[] {
  return [...groupBy(nodes, ({ op }) => op)].map(([op, { length }]) => ({ op, count: length }));
}

/**
 * Returns a short name of a branch: its operators without those that only move values, neighbors
 * of one kind counted together. A name that is too long leaves out arithmetic, and then all but the
 * operators that mix features with weights.
 */
export function branchLabel(nodes: readonly Node[], limit: number): string {
  const telling = nodes.filter(({ op }) => !hasFact(op, "layout", "sizes"));
  const choices = [
    telling,
    telling.filter(({ op }) => !hasFact(op, "minor")),
    telling.filter(({ op }) => hasFact(op, "convolution", "product", "block", "attention")),
  ].filter(({ length }) => length > 0);
  const labels = choices.length > 0 ? choices.map(joined) : [joined(nodes)];
  return labels.find(({ length }) => length <= limit) ?? labels.at(-1)!;
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
  const name = withoutDomain(op);
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

/** Counts the weights that nodes read, also through operators that move or dequantize them. */
export function weightsRead(nodes: readonly Node[]): number {
  const own = new Set(nodes);
  const read = nodes.flatMap(inputsOf);
  const moved = walk(read, (value) => {
    const { producer } = value;
    return producer && !own.has(producer) && hasFact(producer.op, "layout") ? sourcesOf(value) : [];
  });
  let sum = 0;
  for (const value of moved) {
    const type = tensorOf(value) ? typeOfTensor(value) : null;
    if (isFloat(type?.dtype) || (integerBits(type?.dtype ?? "") ?? 64) <= 8)
      sum += elements((type!.shape ?? []).map(Number));
  }
  return sum;
}
