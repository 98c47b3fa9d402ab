import { numbersOf } from "../../src/graph/constants.ts";
import { attribute, type Node, type Types, type Value } from "../../src/graph/graph.ts";
import { attributesOf } from "../../src/graph/node-view.ts";
import { placeOfAxis } from "../../src/onnx/dtypes.ts";
import { bothWays } from "./fewer-normalizations.ts";

/** x̂ = d / s written as several nodes: s = √(mean of d² + ε), and d is x, or x less its mean. */
export interface WrittenNorm {
  readonly x: Value;
  /** s, whose size is 1 along the axes. */
  readonly root: Value;
  readonly axes: readonly number[];
  readonly centered: boolean;
}

type Known = Readonly<{ types: Types; active: ReadonlySet<Value> }>;

/**
 * Matches a LayerNormalization or RMSNormalization as exporters write it if the opset lacks the
 * operator; the node that gives x̂ is given. Returns null for any other node, and if ε is `active`.
 */
export function writtenNorm(known: Known, node: Node): WrittenNorm | null {
  const [d, root] = quotientOf(known, node) ?? [];
  const sum = root?.producer?.op === "Sqrt" ? root.producer.inputs[0]?.producer : null;
  if (!d || !root || sum?.op !== "Add") return null;
  const epsilon = sum.inputs.findIndex((value) => isNumber(known, value));
  const variance = epsilon < 0 ? null : meanOf(known, sum.inputs[1 - epsilon]);
  if (!variance || !isSquareOf(known, variance.of, d)) return null;
  const { axes } = variance;
  const [x, mean] = d.producer?.op === "Sub" ? d.producer.inputs : [];
  const own = meanOf(known, mean);
  const centered = own !== null && own.of === x && String(own.axes) === String(axes);
  return { x: centered ? own.of : d, root, axes, centered };
}

/** Returns d and s of d / s or d · (1 / s). */
function quotientOf(known: Known, node: Node): readonly [Value, Value] | null {
  const [a, b] = node.inputs;
  if (!a || !b) return null;
  if (node.op === "Div") return [a, b];
  if (node.op !== "Mul") return null;
  for (const [d, factor] of bothWays(node)) {
    const { op, inputs } = factor.producer ?? {};
    if (op === "Reciprocal") return [d, inputs![0]!];
    if (op === "Div" && isNumber(known, inputs![0], 1)) return [d, inputs![1]!];
  }
  return null;
}

function isNumber({ active }: Known, value: Value | null, wanted?: number): boolean {
  const numbers = value && !active.has(value) ? numbersOf(value) : null;
  return numbers?.length === 1 && (wanted === undefined || numbers[0] === wanted);
}

/** Returns what a value is the mean of, and over which axes, which it keeps. */
function meanOf({ types }: Known, value: Value | null | undefined) {
  const node = value?.producer;
  const of = node?.inputs[0];
  const rank = of && types.get(of)?.shape?.length;
  if (node?.op !== "ReduceMean" || !rank || attribute(node, "keepdims")?.i === 0) return null;
  const axes = attributesOf(node).list("axes", 1);
  return axes?.length ? { of, axes: axes.map((axis) => placeOfAxis(axis, rank)) } : null;
}

function isSquareOf(known: Known, { producer }: Value, d: Value): boolean {
  const [a, b] = producer?.inputs ?? [];
  if (a !== d) return false;
  return producer!.op === "Mul" ? b === d : producer!.op === "Pow" && isNumber(known, b!, 2);
}
