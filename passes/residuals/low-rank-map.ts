import { attribute, type Node, type Value } from "../../src/graph/graph.ts";
import { operatorsThat } from "../../src/graph/operators.ts";
import { behind, descend } from "../../src/graph/walk.ts";
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
  const sources: Value[] = [];
  const partsOf = ({ producer: node }: Value) => {
    const joins = node?.op === "Add" || node?.op === "Concat";
    const parts = joins ? computedBy(facts.constants, node) : [];
    return parts.length > 1 ? parts.reverse() : [];
  };
  const addendOf = ({ producer: node }: Value) => (node?.op === "Gemm" && node.inputs[2]) || [];
  for (const at of descend([turned(wide)], (sum) => [...partsOf(sum), addendOf(sum)].flat())) {
    const node = at.producer!;
    const isJoined = partsOf(at).length > 0;
    if (isJoined && node.op === "Add") nodes.push(node);
    if (isJoined) continue;
    const source = node && productOf(facts, at);
    if (!source || !narrows(facts, source, at)) return null;
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
