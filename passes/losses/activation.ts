import { attribute, type Node, type Types, type Value } from "../../src/graph/graph.ts";
import { attributesOf } from "../../src/graph/node-view.ts";
import { placeOfAxis } from "../../src/onnx/dtypes.ts";

/** An activation that turns logits into probabilities, or their logarithms. */
export interface Activation {
  readonly op: "Softmax" | "LogSoftmax" | "Sigmoid";
  /** The activation's operand. */
  readonly logits: Value;
}

/** The state of a search back from an output. */
export interface Search {
  readonly types: Types;
  /** The activations that the loss computes itself. */
  readonly sought: readonly Activation["op"][];
}

/**
 * Returns the activation that makes a value, if it is one of those requested. A Softmax counts only
 * along the axis of the classes.
 */
export function activationAt(search: Search, value: Value, axis: number | null): Activation | null {
  const node = value.producer;
  const logits = node?.inputs[0];
  if (!node || !logits) return null;
  const written = axis === null ? null : softmaxWrittenOut(node);
  if (written && search.sought.includes("Softmax")) {
    const rank = search.types.get(value)?.shape?.length ?? 0;
    const along = written.axes.length === 1 ? placeOfAxis(written.axes[0], rank) : null;
    return along === axis ? { op: "Softmax", logits: written.logits } : null;
  }
  const op = search.sought.find((op) => op === node.op);
  if (!op) return null;
  if (op === "Sigmoid") return { op, logits };
  const along = softmaxAxis(search.types, node);
  return along !== null && along === axis ? { op, logits } : null;
}

/** Returns the axis along which a Softmax's results sum to 1; null if there are several. */
export function softmaxAxis(types: Types, node: Node): number | null {
  const shape = node.inputs[0] && types.get(node.inputs[0])?.shape;
  if (!shape) return null;
  const perAxis = node.scope.file.opset >= 13;
  const axis = placeOfAxis(attribute(node, "axis")?.i ?? (perAxis ? -1 : 1), shape.length);
  // Before opset 13, all axes from this one on are flattened into one.
  return perAxis || shape.slice(axis + 1).every((dim) => dim === 1) ? axis : null;
}

/** Matches exp(z) / Σ exp(z), the Softmax of older exporters. */
function softmaxWrittenOut({ op, inputs }: Node) {
  const [part, whole] = inputs;
  const [exp, sum] = [part?.producer, whole?.producer];
  if (op !== "Div" || exp?.op !== "Exp" || sum?.op !== "ReduceSum" || sum.inputs[0] !== part)
    return null;
  const axes = attributesOf(sum).list("axes", 1);
  const logits = exp.inputs[0];
  if (!axes || !logits || attribute(sum, "keepdims")?.i === 0) return null;
  return { logits, axes };
}
