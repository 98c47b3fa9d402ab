import type { Graph, Node, Scope } from "../graph/graph.ts";

/** Domains whose operators onnxruntime itself brings. */
const BUILT_IN = new Set([
  "",
  "ai.onnx",
  "ai.onnx.ml",
  "com.microsoft",
  "com.microsoft.nchwc",
  "com.ms.internal.nhwc",
]);

/** Whether onnxruntime has the operator of a node, and those of the bodies and functions inside it. */
export function hasOnnxruntimeOperator({ file }: Graph, node: Node): boolean {
  const isFunction = ({ message: { domain, opType } }: Node) =>
    file.message.functions.some((f) => f.domain === domain && f.name === opType);
  const pending = [node];
  const seen = new Set<Scope>();
  for (let next = pending.pop(); next; next = pending.pop()) {
    if (!BUILT_IN.has(next.message.domain) && !isFunction(next)) return false;
    for (const scope of next.callee ? [...next.bodies, next.callee] : next.bodies) {
      if (seen.has(scope)) continue;
      seen.add(scope);
      pending.push(...scope.nodes);
    }
  }
  return true;
}

/** Whether an operator is onnxruntime's own, which other builds of it may lack. */
export const isExtension = ({ message: { domain } }: Node) => domain !== "" && domain !== "ai.onnx";
