import type { Node, Value } from "../../src/graph/graph.ts";
import type { Form, Term } from "./residual.ts";

/** Positions of a fused operator's two summands and bias, and of the sum among its outputs. */
interface Layout {
  readonly terms: readonly [number, number];
  readonly bias: number;
  readonly sum: number;
}

const LAYOUTS: Readonly<Record<string, Layout>> = {
  "com.microsoft.SkipLayerNormalization": { terms: [0, 1], bias: 4, sum: 3 },
  "com.microsoft.SkipSimplifiedLayerNormalization": { terms: [0, 1], bias: 3, sum: 3 },
  "com.microsoft.SkipGroupNorm": { terms: [0, 3], bias: 4, sum: 1 },
};

/**
 * A norm that adds its skip itself: norm(input + skip + bias), with the sum as an optional output.
 */
export const skipNorm: Form = {
  name: "skip norm",
  sumOf(node) {
    const layout = layoutOf(node);
    const [normed] = node.outputs;
    const terms = layout?.terms.flatMap((index) => termAt(node, index) ?? []);
    if (!layout || !normed || terms?.length !== 2) return null;
    return {
      node,
      terms,
      output: node.outputs[layout.sum] ?? normed,
      place: layout.sum,
      bias: termAt(node, layout.bias),
    };
  },
};

/** x + bias + skip in one node. */
export const biasAdd: Form = {
  name: "bias add",
  sumOf(node) {
    const [output] = node.outputs;
    const [x, bias, skip] = [0, 1, 2].map((index) => termAt(node, index));
    if (node.op !== "com.microsoft.BiasAdd" || !output || !x || !skip) return null;
    return { node, terms: [x, skip], output, place: 0, bias };
  },
};

/**
 * Returns values that a node computes from a sum that is another of its outputs, such as the norm.
 */
export function besides(value: Value): readonly Value[] {
  const node = value.producer;
  const place = node && (EMBEDDINGS[node.op] ?? layoutOf(node)?.sum);
  const normed = node?.outputs[0];
  return normed && place && node.outputs[place] === value ? [normed] : [];
}

/** Returns norms of a sum that is not a residual, by the output that is the sum. */
const EMBEDDINGS: Readonly<Record<string, number>> = {
  "com.microsoft.EmbedLayerNormalization": 2,
};

const layoutOf = ({ op }: Node) => (Object.hasOwn(LAYOUTS, op) ? LAYOUTS[op] : undefined);

function termAt(node: Node, index: number): Term | null {
  const value = node.inputs[index];
  return value ? { value, use: { node, index } } : null;
}
