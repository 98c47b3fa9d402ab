import type { Graph, Node, Types, Value } from "../../src/graph/graph.ts";
import { own, rows } from "../../src/graph/own.ts";
import { graphNodes } from "../../src/graph/scopes.ts";
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

/** Multiply-adds of a product, from the shapes of its operands and of the output. */
type Count = (a: Shape, b: Shape, out: Shape) => number;

/** How a product is counted, and which input is its second operand. */
type Product = readonly [Count, b: number];

const conv: Product = [(_, weight, out) => elements(out) * elements(weight.slice(1)), 1];
const matmul: Product = [(left, _, out) => elements(out) * (left.at(-1) ?? 1), 1];
const gemm: Product = [(_, b, out) => (elements(out) * elements(b)) / (out.at(-1) ?? 1), 1];

/** Products by operator: of ONNX's own, and of com.microsoft. */
const PRODUCTS: Readonly<Record<string, Product>> = {
  ...rows(conv, "Conv ConvInteger com.microsoft.FusedConv"),
  ...rows(gemm, "Gemm com.microsoft.FusedGemm"),
  ...rows(matmul, "MatMul MatMulInteger com.microsoft.FusedMatMul com.microsoft.MatMulNBits"),
  ...rows(matmul, "com.microsoft.DynamicQuantizeMatMul com.microsoft.MatMulIntegerToFloat"),
  ConvTranspose: [(x, weight) => elements(x) * elements(weight.slice(1)), 1],
  QLinearConv: [conv[0], 3],
  QLinearMatMul: [matmul[0], 3],
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
  for (const node of graphNodes(graph)) {
    const product = own(PRODUCTS, node.op);
    if (!product || without.has(node)) continue;
    const [count, second] = product;
    const values = [node.inputs[0], node.inputs[second], node.outputs[0]];
    const [a, b, out] = values.map((value) => leastSizes(types, value));
    if (!a || !b || !out) return null;
    total += count(a, b, out);
  }
  return total;
}

/** Returns the shape of a value, free dimensions being 1; null if the rank is unknown. */
export const leastSizes = (types: Types, value: Value | null | undefined): Shape | null =>
  (value && types.get(value)?.shape?.map((dim) => (typeof dim === "number" ? dim : 1))) ?? null;
