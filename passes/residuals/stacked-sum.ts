import { numbersOf } from "../../src/graph/constants.ts";
import { attribute, type Node, type Types, type Value } from "../../src/graph/graph.ts";
import { placeOfAxis } from "../../src/onnx/dtypes.ts";
import { type Sum, sumOf, type Term, termsAt, weighted } from "./residual.ts";

/** Returns the sum that a ReduceSum or ReduceMean of stacked values is, each a term; null for other nodes. */
export function stackedSum(node: Node, types: Types): Sum | null {
  const [stack] = node.inputs;
  if ((node.op !== "ReduceSum" && node.op !== "ReduceMean") || !stack) return null;
  const axis = onlyAxis(types, node, stack);
  const keeps = attribute(node, "keepdims")?.i !== 0;
  const stacked = axis === null ? null : stackedAlong(types, stack, axis, keeps);
  if (!stacked) return null;
  const factor = node.op === "ReduceMean" ? 1 / stacked.length : 1;
  const terms = stacked.map((term) => weighted(term, factor));
  return sumOf("stacked", node, terms);
}

/** Returns the values stacked along an axis, which has size 1 in each if the sum keeps it. */
function stackedAlong(types: Types, stack: Value, axis: number, keeps: boolean): Term[] | null {
  const node = soleMaker(stack);
  if (!node || placeIn(types, stack, attribute(node, "axis")?.i ?? 0) !== axis) return null;
  const isSequence = node.op === "ConcatFromSequence" && attribute(node, "new_axis")?.i === 1;
  const list = isSequence && node.inputs[0] ? soleMaker(node.inputs[0]) : null;
  if (isSequence) return !keeps && list?.op === "SequenceConstruct" ? termsAt(list) : null;
  if (node.op !== "Concat") return null;
  const terms = termsAt(node).flatMap((term) => {
    if (keeps) return types.get(term.value)?.shape?.at(axis) === 1 ? [term] : [];
    const own = soleMaker(term.value);
    const isAdded = own?.op === "Unsqueeze" && onlyAxis(types, own, term.value) === axis;
    return isAdded ? termsAt(own, [0]) : [];
  });
  return terms.length > 1 && terms.length === node.inputs.length ? terms : null;
}

/** Returns the node that makes a value which is read once. */
const soleMaker = ({ producer, uses, isOutput }: Value): Node | null =>
  uses.length === 1 && !isOutput ? producer : null;

/** Returns the only axis of a value that a node reduces or adds; null if there are others. */
function onlyAxis(types: Types, node: Node, value: Value): number | null {
  const axes = attribute(node, "axes")?.ints ?? numbersOf(node.inputs[1]);
  return axes?.length === 1 ? placeIn(types, value, axes[0]) : null;
}

const placeIn = (types: Types, value: Value, axis: number) =>
  placeOfAxis(axis, types.get(value)?.shape?.length ?? 0);
