import type { Graph, Node, Types, Value } from "../../src/graph/graph.ts";
import { operatorsThat } from "../../src/graph/operators.ts";
import { own, rows } from "../../src/graph/own.ts";
import { scopesOf } from "../../src/graph/scopes.ts";
import { elements } from "../../src/onnx/dtypes.ts";

type Shape = readonly number[];

/** What low-rank maps cost at run time. */
export interface MapCost {
  /** Multiply-adds of all maps, with every free dimension 1. */
  readonly multiplyAdds: number;
  /** The same as a share of those of the model without maps. */
  readonly share: number;
  /** Whether the model multiplies integers, beside which the maps are computed in float. */
  readonly quantized: boolean;
}

/** Which inputs of a product are its operands. */
interface Product {
  readonly operands: readonly [a: number, b: number];
  /** Multiply-adds, from the shapes of the operands and of the output. */
  readonly count: (a: Shape, b: Shape, out: Shape) => number;
}

const conv = (a: number, b: number): Product => ({
  operands: [a, b],
  count: (_, weight, out) => elements(out) * elements(weight.slice(1)),
});

const matmul = (a: number, b: number): Product => ({
  operands: [a, b],
  count: (left, _, out) => elements(out) * (left.at(-1) ?? 1),
});

const gemm: Product = {
  operands: [0, 1],
  count: (_, b, out) => (elements(out) * elements(b)) / (out.at(-1) ?? 1),
};

/** Products by operator: of ONNX's own, and of com.microsoft. */
const PRODUCTS: Readonly<Record<string, Product>> = {
  ...rows(conv(0, 1), "Conv ConvInteger com.microsoft.FusedConv"),
  ...rows(gemm, "Gemm com.microsoft.FusedGemm"),
  ...rows(matmul(0, 1), "MatMul MatMulInteger com.microsoft.FusedMatMul"),
  ...rows(matmul(0, 1), "com.microsoft.DynamicQuantizeMatMul com.microsoft.MatMulIntegerToFloat"),
  "com.microsoft.MatMulNBits": matmul(0, 1),
  ConvTranspose: {
    operands: [0, 1],
    count: (x, weight) => elements(x) * elements(weight.slice(1)),
  },
  QLinearConv: conv(0, 3),
  QLinearMatMul: matmul(0, 3),
};

/**
 * Counts the multiply-adds of the matrix products and convolutions of a model, with every free dimension 1 and
 * some nodes left out. Null if the shape of an operand is unknown.
 */
export function multiplyAdds(
  graph: Graph,
  types: Types,
  without: ReadonlySet<Node> = new Set(),
): number | null {
  let total = 0;
  for (const { nodes } of scopesOf(graph))
    for (const node of nodes) {
      const product = own(PRODUCTS, node.op);
      if (!product || without.has(node)) continue;
      const count = countOf(node, product, types);
      if (count === null) return null;
      total += count;
    }
  return total;
}

function countOf(node: Node, { operands, count }: Product, types: Types): number | null {
  const [a, b] = operands.map((k) => leastSizes(types, node.inputs[k]));
  const out = leastSizes(types, node.outputs[0]);
  return a && b && out ? count(a, b, out) : null;
}

/** Returns the shape of a value, free dimensions being 1; null if the rank is unknown. */
export const leastSizes = (types: Types, value: Value | null | undefined): Shape | null =>
  (value && types.get(value)?.shape?.map((dim) => (typeof dim === "number" ? dim : 1))) ?? null;

const QUANTIZED = operatorsThat("quantized");

/** Whether a model has weights or products of integers. */
export const isQuantized = (graph: Graph): boolean =>
  [...scopesOf(graph)].some(({ nodes }) => nodes.some(({ op }) => QUANTIZED.has(op)));
