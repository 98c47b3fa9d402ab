import type { Node, Value } from "../../src/graph/graph.ts";

/** Operators that onnxruntime's CPU runs in half precision: those that norm, and those that only move values. */
const HALF = new Set(
  "LayerNormalization SimplifiedLayerNormalization com.microsoft.SkipLayerNormalization com.microsoft.SkipSimplifiedLayerNormalization Identity Reshape Transpose Squeeze Unsqueeze Flatten Gather Slice Split Concat Expand Cast".split(
    " ",
  ),
);

/**
 * Whether a value goes from one node to another of which both run in half precision on
 * onnxruntime's CPU. Such a node is run in single precision instead, unasked, as soon as all nodes
 * around it are, as inserted ones would be: what stands between these two has to begin and end in
 * half precision, or the result is rounded otherwise.
 */
export const isHalfEdge = ({ producer }: Value, reader: Node, dtype: string) =>
  dtype === "float16" && producer !== null && HALF.has(producer.op) && HALF.has(reader.op);
