import { dimsOf, numbersOf, tensorOf } from "../../src/graph/constants.ts";
import type { Node, Use, Value } from "../../src/graph/graph.ts";
import { own } from "../../src/graph/own.ts";
import type { KnownGraph } from "../residuals/residual.ts";
import { type FoldEdit, keyOf } from "./draft.ts";
import { type Factor, isOne } from "./factor.ts";
import { nodeAt, takesFactors } from "./node-at.ts";
import { type Why, why } from "./reasons.ts";
import { scaleRules } from "./rules/table.ts";
import type { Edge } from "./sites.ts";

/** The model without what LAuReL inserted: who reads what. */
export interface Plain {
  readonly facts: KnownGraph;
  /** Slots of sums as they were, by their keys. */
  readonly edges: ReadonlyMap<string, Edge>;
  /** How many slots read a value, the maps of sites included. */
  readonly readers: ReadonlyMap<Value, number>;
  readonly inserted: ReadonlySet<Node>;
  readonly extent: FoldExtent;
}

/** How much is folded: all, no β, or nothing but sites that do nothing. */
export const EXTENTS = ["all", "branches", "idle"] as const;

/** What is folded: all that can be, no β, or only sites that do nothing. */
export type FoldExtent = (typeof EXTENTS)[number];

/** Returns what a slot reads once LAuReL is out. */
export const operandAt = ({ edges }: Plain, use: Use): Value | null =>
  edges.get(keyOf(use))?.value ?? use.node.inputs[use.index] ?? null;

/** Whether a value is stored: an initializer, a Constant node. */
export function isStored(value: Value): boolean {
  if (tensorOf(value)) return true;
  return value.producer?.op === "Constant" && numbersOf(value) !== null;
}

/** How many operators a factor is taken back through. */
const FAR = 64;

/**
 * Puts a multiplier of what a slot reads into weights: the slot's own, or, if no other slot reads the
 * value, those of the last linear operators that make it. Returns the edits, or why there are none.
 */
export function absorb(plain: Plain, use: Use, by: Factor, hops = 0): readonly FoldEdit[] | Why {
  if (isOne(by)) return [];
  const { facts } = plain;
  const value = operandAt(plain, use);
  if (!value || hops > FAR) return why("nonlinear");
  const dtype = facts.types.get(value)?.dtype ?? "";
  if (!takesFactors(dtype)) return why("half-precision", dtype || undefined);
  if (isStored(value)) {
    const dims = dimsOf(value) ?? [numbersOf(value)!.length];
    const fits = by.axis === null || dims[by.axis] === by.values.length;
    return fits ? [{ kind: "weight", use, by }] : why("nonlinear", use.node.op);
  }
  const node = value.producer;
  if (!node) return why("output");
  if (value.isOutput || plain.readers.get(value) !== 1)
    return why("branch-read-elsewhere", node.op);
  if (node.outputs[0] !== value || addsMaps(plain, node)) return why("nonlinear", node.op);
  const options = own(scaleRules, node.op)?.backward?.(nodeAt(facts, node), by) ?? [];
  let failed: Why | null = null;
  for (const { requests = [] } of options) {
    const edits = all(plain, node, requests, hops + 1);
    if (!("code" in edits)) return edits;
    failed ??= edits;
  }
  return failed ?? why("nonlinear", node.op);
}

/** Does as `absorb` for several inputs of a node together: for all of them or none. */
export function all(
  plain: Plain,
  node: Node,
  requests: readonly (readonly [input: number, by: Factor])[],
  hops = 0,
): readonly FoldEdit[] | Why {
  const edits: FoldEdit[] = [];
  for (const [index, by] of requests) {
    if (!node.inputs[index]) continue;
    const one = absorb(plain, { node, index }, by, hops);
    if ("code" in one) return one;
    edits.push(...one);
  }
  return edits;
}

const addsMaps = ({ edges }: Plain, node: Node) =>
  node.inputs.some((_, index) => {
    const edge = edges.get(keyOf({ node, index }));
    return edge !== undefined && edge.maps.length + edge.lags.length > 0;
  });
