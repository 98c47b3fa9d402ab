import type { Graph, Node } from "../graph/graph.ts";
import { nodesWithin } from "../graph/walk.ts";

/** Domains of onnxruntime's own operators. */
const BUILT_IN = new Set([
  "",
  "ai.onnx",
  "ai.onnx.ml",
  "com.microsoft",
  "com.microsoft.nchwc",
  "com.ms.internal.nhwc",
]);

/** Whether onnxruntime has the operator of a node, and those of its bodies and functions. */
export function hasOnnxruntimeOperator({ file }: Graph, node: Node): boolean {
  const isFunction = ({ message: { domain, opType } }: Node) =>
    file.message.functions.some((f) => f.domain === domain && f.name === opType);
  for (const inner of nodesWithin(node))
    if (!BUILT_IN.has(inner.message.domain) && !isFunction(inner)) return false;
  return true;
}

/** Whether an operator is onnxruntime's own, which other builds of it may lack. */
export const isExtension = ({ message: { domain } }: Node) => domain !== "" && domain !== "ai.onnx";
