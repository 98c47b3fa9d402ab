import { numbersOf, tensorOf } from "../../src/graph/constants.ts";
import type { Node, Scope, Use, Value } from "../../src/graph/graph.ts";
import { hasFact } from "../../src/graph/operators.ts";
import { behind } from "../../src/graph/walk.ts";
import { sameShape } from "../residuals/axes.ts";
import type { SiteDescription } from "../variants/variant.ts";
import type { Plain } from "./absorb.ts";
import { type FoldPlan, keyOf } from "./draft.ts";
import { nodeAt, shapeOf } from "./node-at.ts";
import type { FoldSite } from "./sites.ts";

/** The matrix product that a branch ends with, and what lies between it and the sum. */
export interface LastProduct {
  /** MatMul or Gemm. */
  readonly node: Node;
  readonly bias: Use | null;
  /** The product, its bias and a Reshape, which nothing but the sum reads. */
  readonly nodes: readonly Node[];
}

/** A sum of rows: its low-rank map is a Gemm that adds, and so is the product of the branch. */
export interface RowSum {
  readonly output: Value;
  /** Null if the branch does not end in a product with a weight. */
  readonly last: LastProduct | null;
}

/**
 * Reads a site as a sum of rows, [rows, features]. There a Gemm adds its product to what is there:
 * y = h W + ((x A) B + (x + bias)), without a sum of its own. Null if the site is not one: its sum
 * is not a plain one of two, its features are not last, or its skip may be broadcast.
 */
export function rowSum(plain: Plain, site: FoldSite, plan: FoldPlan): RowSum | null {
  const { skip, branches, place } = site;
  const { node } = skip.use;
  const output = node.outputs[0];
  if (skip.maps.length === 0 || branches.length !== 1 || !output) return null;
  if ((node.op !== "Add" && node.op !== "Sum") || node.inputs.length !== 2) return null;
  if (place.rank < 2 || place.feature.axis !== place.rank - 1) return null;
  const operands = [skip.value, ...skip.maps.map(({ x }) => x)];
  if (!operands.every((value) => fits(plain, value, output))) return null;
  const [{ use, value }] = branches;
  const takes = !plan.left.has(keyOf(use)) && fits(plain, value, output);
  return { output, last: takes ? lastProduct(plain, value, node.scope, place) : null };
}

/** Whether a value has the shape of a sum, as the search for sites has it: no operand of a site is broadcast. */
function fits({ facts }: Plain, value: Value, sum: Value): boolean {
  const [own, all] = [value, sum].map((each) => facts.types.get(each)?.shape);
  if (!own || !all || !sameShape(own, all)) return false;
  return !facts.constants.has(value) || own.every((dim, k) => dim === all[k] && dim !== "");
}

/** Follows a branch back to its product. */
function lastProduct(
  { facts, readers }: Plain,
  from: Value,
  scope: Scope,
  { feature }: SiteDescription,
): LastProduct | null {
  const nodes: Node[] = [];
  let bias: Use | null = null;
  const shape = (value: Value | null) => shapeOf(facts, value) ?? [];
  const isRow = (value: Value | null) =>
    isFloatWeight(value) && shape(value).length <= 2 && (shape(value).at(-2) ?? 1) === 1;
  for (let value: Value | null = from; value; ) {
    const node: Node | null = value.producer;
    const isAlone = readers.get(value) === 1 && !value.isOutput;
    if (!isAlone || node?.scope !== scope) return null;
    nodes.push(node);
    const [a, b]: readonly (Value | null)[] = node.inputs;
    if (node.op === "Reshape" && shape(a).at(-1) === feature.size) value = a;
    else if (node.op === "Add" && !bias) {
      const index: number = isRow(b) ? 1 : 0;
      const other: Value | null = index === 1 ? a : b;
      if (!isRow(node.inputs[index]) || shape(other).length !== shape(value).length) return null;
      bias = { node, index };
      value = other;
    } else {
      const at = nodeAt(facts, node);
      const width = shape(b)[1 - at.int("transB", 0)];
      if ((node.op !== "Gemm" && node.op !== "MatMul") || !isFloatWeight(b)) return null;
      if (shape(b).length !== 2 || width !== feature.size || shape(a).length < 2) return null;
      if (!at.has(2)) return { node, bias, nodes };
      const adds = !bias && isRow(node.inputs[2]) && at.float("beta", 1) === 1;
      return adds ? { node, bias: { node, index: 2 }, nodes } : null;
    }
  }
  return null;
}

/** Whether a value is a stored tensor, moved about at most: onnxruntime has kernels for integers that are made floats. */
function isFloatWeight(value: Value | null): boolean {
  const stored = value && behind(value, ({ op }) => hasFact(op, "reshapes") || op === "Transpose");
  return tensorOf(stored) !== null || numbersOf(stored) !== null;
}
