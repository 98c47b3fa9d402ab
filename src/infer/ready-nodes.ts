import { tensorOf } from "../graph/constants.ts";
import type { Node, Value } from "../graph/graph.ts";
import { byOrder } from "../graph/scopes.ts";
import type { Type } from "../onnx/shape.ts";

/**
 * The segment with the producers of what it takes from earlier ones where that is a constant or a
 * shape computation: ONNX infers a Reshape only where it sees how its shape comes about.
 */
export function withShapes(segment: readonly Node[], start: number): Node[] {
  if (segment.length === 0) return [];
  const { scope } = segment[0];
  const comesBefore = (node: Node) => node.scope !== scope || node.index < start;
  const all = new Set(segment);
  const pending = [...segment];
  for (let node = pending.pop(); node; node = pending.pop())
    for (const value of [...node.inputs, ...node.captures]) {
      const producer = value?.producer;
      if (!producer || all.has(producer) || !comesBefore(producer)) continue;
      const earlier = comesBefore(node);
      const shape = SHAPE_COMPUTATION.has(producer.op) && (earlier || takesShape(node, value));
      if (producer.op !== "Constant" && !shape) continue;
      all.add(producer);
      pending.push(producer);
    }
  return [...all].sort(byOrder);
}

const SHAPE_COMPUTATION = new Set(
  "Shape Size Gather Slice Concat Cast Unsqueeze Squeeze Add Sub Mul Div".split(" "),
);

const SHAPE_TAKING = new Set("Reshape Expand Slice Tile Resize Pad".split(" "));

/** Whether the value is where an operator takes a shape, sizes or axes, not data. */
const takesShape = (node: Node, value: Value) =>
  node.op === "ConstantOfShape" ||
  node.op === "Range" ||
  (SHAPE_TAKING.has(node.op) && node.inputs[0] !== value);

/** The nodes whose inputs all have a known type or are made by one of them. */
export function readyNodes(nodes: readonly Node[], known: (value: Value) => Type | null): Node[] {
  const made = new Set<Value>();
  return nodes.filter((node) => {
    const ready = [...node.inputs, ...node.captures].every(
      (value) => !value || made.has(value) || tensorOf(value) || value.initializer || known(value),
    );
    if (ready) for (const output of node.outputs) if (output) made.add(output);
    return ready;
  });
}
