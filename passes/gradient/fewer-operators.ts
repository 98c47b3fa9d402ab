import { writing } from "../../src/graph/builder.ts";
import type { Graph, Node, Value } from "../../src/graph/graph.ts";
import type { Patch } from "../../src/graph/patch-contents.ts";
import type { Types } from "../../src/graph/types.ts";
import { float } from "../../src/onnx/new-node.ts";
import { gatedBy } from "./gates.ts";

/**
 * Writes x · HardSigmoid(x) for HardSwish as x · Clip(x + 3) / 6, among these nodes: two operators
 * that keep the layout of images in place of four that do not. `free` are weights, which are no
 * constants. Returns null if there is none.
 */
export function withHardSwish(
  graph: Graph,
  types: Types,
  nodes: readonly Node[],
  free: ReadonlySet<Value>,
): Patch | null {
  const write = writing(graph, "hardswish");
  const removed = new Set<Node>();
  for (const node of nodes) {
    const output = node.outputs[0];
    const gated =
      output && types.get(output)?.dtype === "float" ? gatedBy(graph, free, node) : null;
    if (!output || !gated?.isClip) continue;
    write.about(`${output.name}.fused`, node);
    const attributes = { alpha: float(1 / 6), beta: float(0.5) };
    write.product(gated.x.name, write.op.HardSigmoid(gated.x.name, attributes), output.name);
    removed.add(node);
    for (const inner of behind(node, gated.x))
      if (inner.outputs.every((value) => !value || isUnread(value, removed))) removed.add(inner);
  }
  if (removed.size === 0) return null;
  return { nodes: write.nodes, tensors: write.tensors, redirects: [], removed: [...removed] };
}

/** Whether a value is read by removed nodes alone. */
const isUnread = ({ isOutput, uses }: Value, removed: ReadonlySet<Node>) =>
  !isOutput && uses.every(({ node }) => removed.has(node));

/** Returns the nodes from a node back to a value, nearest first. */
function behind(node: Node, x: Value): Node[] {
  const makers = node.inputs.flatMap((value) =>
    value && value !== x && value.producer && value.producer.op !== "Constant"
      ? [value.producer]
      : [],
  );
  return [...new Set([...makers, ...makers.flatMap((maker) => behind(maker, x))])];
}
