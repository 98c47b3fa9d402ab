import { attribute, type Node, type Value } from "../../src/graph/graph.ts";
import { operatorsThat } from "../../src/graph/operators.ts";
import { behind } from "../../src/graph/walk.ts";
import { computedBy } from "./operators.ts";
import type { KnownGraph } from "./residual.ts";

const PRODUCTS = operatorsThat("matmul");

/**
 * Reads Σ_j (x_j A_j) B_j, each term two products with weights: returns the values x_j and the
 * additions inside; null for anything else.
 */
export function lowRankOf(facts: KnownGraph, value: Value) {
  const wide = productOf(facts, value);
  const inner = wide && turned(wide).producer;
  if (!wide || !inner) return null;
  const nodes: Node[] = [];
  const pending = [turned(wide)];
  const sources: Value[] = [];
  for (let at = pending.pop(); at; at = pending.pop()) {
    const node = at.producer;
    const parts = node ? computedBy(facts.constants, node) : [];
    if (node && parts.length > 1 && ["Add", "Concat"].includes(node.op)) {
      if (node.op === "Add") nodes.push(node);
      pending.push(...parts);
      continue;
    }
    const source = node && productOf(facts, at);
    if (!source || !narrows(facts, source, at)) return null;
    const addend = node.op === "Gemm" && node.inputs[2];
    if (addend) pending.push(addend);
    sources.push(turned(source));
  }
  return { sources, nodes };
}

/** Returns the operand of a product with weights alone: without a bias, a window or groups. */
function productOf({ constants }: KnownGraph, value: Value): Value | null {
  const node = turned(value).producer;
  const [x, weights, bias] = node?.inputs ?? [];
  if (!node || !x || !weights || constants.has(x) || !constants.has(weights)) return null;
  if (PRODUCTS.has(node.op)) return bias && constants.has(bias) ? null : x;
  const kernel = attribute(node, "kernel_shape")?.ints ?? [1];
  const plain = node.op === "Conv" && !bias && (attribute(node, "group")?.i ?? 1) === 1;
  return plain && kernel.every((size) => size === 1) ? x : null;
}

/** Whether a product has at most as many features as its operand, as far as sizes are known. */
function narrows({ types }: KnownGraph, from: Value, to: Value): boolean {
  const volume = (value: Value) =>
    types.get(value)?.shape?.reduce<number>((n, dim) => (typeof dim === "number" ? n * dim : n), 1);
  const [before, after] = [volume(from), volume(to)];
  return before !== undefined && after !== undefined && after <= before;
}

/** Returns a value before it was transposed or renamed. */
const turned = (value: Value): Value =>
  behind(value, ({ op }) => op === "Transpose" || op === "Identity");
