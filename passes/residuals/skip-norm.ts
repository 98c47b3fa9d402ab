import type { Node, Value } from "../../src/graph/graph.ts";
import { own } from "../../src/graph/own.ts";
import { SKIP_NORMS } from "../lower/skip-norms.ts";
import { type Sum, sumOf, termsAt } from "./residual.ts";

/** Returns the sum of a norm(input + skip + bias), which may be an output too; null for other nodes. */
export function skipNorm(node: Node): Sum | null {
  const layout = own(SKIP_NORMS, node.op);
  const [normed] = node.outputs;
  if (!layout || !normed) return null;
  const terms = termsAt(node, layout.terms);
  if (terms.length !== 2) return null;
  const [bias = null] = termsAt(node, [layout.bias]);
  return {
    form: "skip norm",
    node,
    terms,
    output: node.outputs[layout.sum] ?? normed,
    place: layout.sum,
    bias,
  };
}

/** Returns the sum x + bias + skip of a BiasAdd; null for other nodes. */
export function biasAdd(node: Node): Sum | null {
  const terms = node.op === "com.microsoft.BiasAdd" ? termsAt(node, [0, 2]) : [];
  const sum = terms.length === 2 ? sumOf("bias add", node, terms) : null;
  return sum && { ...sum, bias: termsAt(node, [1])[0] ?? null };
}

/** Returns what a node computes from a sum that is another of its outputs, such as the norm. */
export function besides(value: Value): readonly Value[] {
  const node = value.producer;
  const place = node && (own(EMBEDDINGS, node.op) ?? own(SKIP_NORMS, node.op)?.sum);
  const normed = node?.outputs[0];
  return normed && place && node.outputs[place] === value ? [normed] : [];
}

/** Returns norms of a sum that is not a residual, by the output that is the sum. */
const EMBEDDINGS: Readonly<Record<string, number>> = {
  "com.microsoft.EmbedLayerNormalization": 2,
};
