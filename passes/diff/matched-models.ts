import { attributeDifferences } from "../../src/compare/attributes.ts";
import { likeCounterparts } from "../../src/compare/like-counterparts.ts";
import { type Counterpart, counterparts } from "../../src/compare/matching.ts";
import { type WeightTwins, weightTwins } from "../../src/compare/weight-twins.ts";
import { twinValues } from "../../src/compare/wiring.ts";
import type { Graph, Node, Value } from "../../src/graph/graph.ts";

/** What of a node differs from its counterpart. */
export type NodeChange = "operator" | "inputs" | "outputs" | "attributes";

/** Two models, node by node and weight by weight. */
export interface MatchedModels {
  readonly a: Graph;
  readonly b: Graph;
  /** Nodes of the second model by those of the first, and the reverse. */
  readonly partners: ReadonlyMap<Node, Node>;
  readonly origins: ReadonlyMap<Node, Node>;
  readonly weights: WeightTwins;
  /** Pairs that differ, by the node of the second model. */
  readonly changed: ReadonlyMap<Node, readonly NodeChange[]>;
}

/** Matches the nodes of two models by the values they write, by their names, or by their work. */
export function matchedModels(a: Graph, b: Graph): MatchedModels {
  const named = counterparts(a, b);
  const pairs = [...named, ...likeCounterparts(a, b, named)];
  const weights = weightTwins(a, b, pairs);
  const twins = twinValues(a, b, pairs, weights.twins);
  const changed = pairs.flatMap((pair): [Node, NodeChange[]][] => {
    const how = changesOf(pair, twins);
    return how.length > 0 ? [[pair.b, how]] : [];
  });
  return {
    a,
    b,
    partners: new Map(pairs.map((pair) => [pair.a, pair.b])),
    origins: new Map(pairs.map((pair) => [pair.b, pair.a])),
    weights,
    changed: new Map(changed),
  };
}

function changesOf(pair: Counterpart, twins: ReadonlyMap<Value, Value>): NodeChange[] {
  const [x, y] = [pair.a, pair.b];
  const areEqual = (left: readonly (Value | null)[], right: readonly (Value | null)[]) =>
    Array.from({ length: Math.max(left.length, right.length) }, (_, slot) =>
      isTwin(left[slot] ?? null, right[slot] ?? null, twins),
    ).every(Boolean);
  return [
    ...(x.op === y.op ? [] : ["operator" as const]),
    ...(areEqual(x.inputs, y.inputs) ? [] : ["inputs" as const]),
    ...(x.outputs.length === y.outputs.length ? [] : ["outputs" as const]),
    ...(x.op === y.op && attributeDifferences(pair).length > 0 ? ["attributes" as const] : []),
  ];
}

/** Whether a slot of the second model holds the counterpart of the first model's value. */
const isTwin = (x: Value | null, y: Value | null, twins: ReadonlyMap<Value, Value>) =>
  !x || !y
    ? !x === !y
    : (twins.get(x) ?? null) === y || (!x.producer && !y.producer && x.name === y.name);
