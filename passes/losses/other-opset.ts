import type { Builder } from "../../src/graph/builder.ts";
import { numbersOf } from "../../src/graph/constants.ts";
import { attribute, type Node } from "../../src/graph/graph.ts";
import { hasFact } from "../../src/graph/operators.ts";
import { own } from "../../src/graph/own.ts";
import type { Attributes } from "../../src/onnx/new-node.ts";

/** A change of opset. */
export interface OpsetChange {
  readonly from: number;
  readonly to: number;
}

/** The opsets in which the axes of an operator became an input; of other reductions, 18. */
const AXES_INPUT: Readonly<Record<string, number>> = { ReduceSum: 13, Squeeze: 13, Unsqueeze: 13 };
const REDUCING = 18;
/** The opset since which a softmax is over its axis alone. */
const ONE_AXIS = 13;

const axesInputOf = ({ op }: Node) =>
  own(AXES_INPUT, op) ?? (hasFact(op, "reduces") ? REDUCING : null);

/** Attributes that came in an opset, and that only say what was so before. */
const ADDED: Readonly<Record<string, number>> = { allowzero: 14, saturate: 19 };

/** The axes of a node in the form of another opset; null if they stay where they are or are computed. */
function movedAxes(node: Node, { from, to }: OpsetChange) {
  const since = axesInputOf(node);
  if (since === null || from >= since === to >= since) return null;
  const axes = from < since ? attribute(node, "axes")?.ints : numbersOf(node.inputs[1]);
  if (node.inputs[1] && !axes) return null;
  const isAll = !axes || axes.length === 0;
  if (isAll && attribute(node, "noop_with_empty_axes")?.i === 1) return null;
  return { axes: isAll ? null : axes, asInput: to >= since };
}

/** The axis of a softmax that an older opset would take with all behind it; null for other nodes. */
const softmaxAxis = ({ op, message }: Node, { from, to }: OpsetChange): number | null =>
  (op === "Softmax" || op === "LogSoftmax") && from >= ONE_AXIS && to < ONE_AXIS
    ? (message.attributes.find(({ name }) => name === "axis")?.i ?? -1)
    : null;

/** Whether a node has a form in another opset that `inOtherForm` writes. */
export const hasOtherForm = (node: Node, change: OpsetChange): boolean =>
  movedAxes(node, change) !== null || softmaxAxis(node, change) !== null;

/**
 * Returns the inputs and attributes of a node in another opset. Writes a softmax as other operators
 * and returns its result.
 */
export function inOtherForm(
  builder: Builder,
  node: Node,
  change: OpsetChange & { readonly inputs: readonly string[]; readonly attributes: Attributes },
): string | { readonly inputs: readonly string[]; readonly attributes: Attributes } {
  const { inputs, attributes, to } = change;
  const { op, constant } = builder;
  const axis = softmaxAxis(node, change);
  if (axis !== null) {
    const sum = op.ReduceLogSumExp(inputs[0], null, { axes: [axis], keepdims: 1 });
    const logarithm = op.Sub(inputs[0], sum);
    return node.op === "Softmax" ? op.Exp(logarithm) : logarithm;
  }
  const known = Object.entries(attributes).filter(([name]) => to >= (ADDED[name] ?? 0));
  const moved = movedAxes(node, change);
  if (!moved) return { inputs, attributes: Object.fromEntries(known) };
  const { axes, asInput } = moved;
  const others = known.filter(([name]) => name !== "axes" && name !== "noop_with_empty_axes");
  const kept = Object.fromEntries(others);
  const [x] = inputs;
  if (axes === null) return { inputs: [x], attributes: kept };
  if (asInput) return { inputs: [x, constant("int64", [axes.length], axes)], attributes: kept };
  return { inputs: [x], attributes: { ...kept, axes } };
}
