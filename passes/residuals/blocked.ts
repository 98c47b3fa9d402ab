import type { Graph, Value } from "../../src/graph/graph.ts";

const DOMAIN = "com.microsoft.nchwc";

/** Operators that onnxruntime leaves as they are between NCHWc ones, on blocked operands. */
const BETWEEN = new Set("Add Sum Mul Relu Sigmoid Tanh Clip Concat".split(" "));

/**
 * Whether a value's channels lie in NCHWc blocks: its shape does not tell how, so that a map of the
 * features would take others for them, and every comparison of values would still hold.
 */
export function isBlocked({ file }: Graph, value: Value): boolean {
  if (!file.opsets.has(DOMAIN)) return false;
  const pending = [value];
  const seen = new Set<Value>();
  for (let at = pending.pop(); at; at = pending.pop()) {
    const { producer } = at;
    if (!producer || seen.has(at)) continue;
    seen.add(at);
    if (producer.message.domain === DOMAIN) {
      if (producer.message.opType !== "ReorderOutput") return true;
    } else if (BETWEEN.has(producer.op))
      pending.push(...producer.inputs.filter((input) => input !== null));
  }
  return false;
}
