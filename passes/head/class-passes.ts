import { numbersOf } from "../../src/graph/constants.ts";
import { attribute, type Node, type Use, type Value } from "../../src/graph/graph.ts";
import { attributesOf } from "../../src/graph/node-view.ts";
import { rows } from "../../src/graph/own.ts";
import { type Dimension, placeOfAxis } from "../../src/onnx/dtypes.ts";
import { axesThrough } from "../residuals/axes.ts";
import type { KnownGraph } from "../residuals/residual.ts";

/** What follows a value with an axis of classes. */
export interface ClassStep extends KnownGraph {
  readonly use: Use;
  readonly axis: number;
  readonly sizes: { readonly before: number; readonly after: number };
  /** The axes of classes of values that are known so far. */
  readonly axes: ReadonlyMap<Value, number>;
  /** Constants that hold the number of classes, which the nodes on the path add. */
  readonly entries: ShapeEntry[];
  /** Nodes that round to integers and back. */
  readonly quantizers: Node[];
  /** Quantized nodes that must be written in floats. */
  readonly lowered: Node[];
}

/** Returns the axis in a node's output, null if it has none, or why the node cannot be passed. */
type Passes = (step: ClassStep) => number | null | string;

const same: Passes = ({ axis }) => axis;

const rankOf = ({ types, use }: ClassStep) =>
  types.get(use.node.inputs[use.index]!)?.shape?.length ?? 0;

/** One constant factor or term for all classes, or the classes of another layer. */
const withScalar: Passes = (step) => {
  const { use, axis, types, constants, axes } = step;
  const other = use.node.inputs[1 - use.index];
  if (other && axes.get(other) === axis) return axis;
  if (!other || !constants.has(other)) return "joins it with another value";
  const shape = types.get(other)?.shape;
  const size = shape?.[shape.length - rankOf(step) + axis] ?? 1;
  return size === 1 ? axis : `has ${size} constants, one for each of its classes`;
};

/** Rounding with one scale for all classes. */
const rounded: Passes = ({ use, axis, types, quantizers }) => {
  const scale = types.get(use.node.inputs[1]!)?.shape;
  if (use.index !== 0 || !scale?.every((size) => size === 1))
    return "has a scale for each of its classes";
  quantizers.push(use.node);
  return axis;
};

/** A quantized operator that passes classes as its float form does. */
const quantized =
  (passes: Passes): Passes =>
  (step) => {
    step.lowered.push(step.use.node);
    return passes(step);
  };

/** A sum with constants, which are a bias if there is one for each class. */
const quantizedSum: Passes = ({ use, axis, constants, lowered }) => {
  const other = use.node.inputs[3 - use.index];
  if (!other || !constants.has(other)) return "joins it with another value";
  lowered.push(use.node);
  return axis;
};

const pooled: Passes = ({ axis }) => (axis === 1 ? 1 : "pools over its classes");

/** The axis as operators move it; the reason if they do not keep it. */
const moved =
  (why: string): Passes =>
  (step) => {
    const { node, index } = step.use;
    if (index !== 0) return "takes it as an index";
    return axesThrough(step, node, index, node.outputs[0]!)[step.axis] ?? why;
  };

/** The axis of a reshaped value: of the same size, with as much in front of it and behind it. */
const reshaped: Passes = (step) => {
  const { use, axis, sizes, types, entries } = step;
  const { node } = use;
  if (use.index !== 0) return "takes it as a shape";
  const [from, to] = [node.inputs[0]!, node.outputs[0]!].map((value) => types.get(value)?.shape);
  if (!from || !to) return "has an unknown shape";
  const stated = node.op === "Reshape" ? shapeEntries(step, { node, index: 1 }) : null;
  const shape = to.map((dim, at) => (typeof dim === "number" ? dim : (stated?.[at]?.size ?? dim)));
  const places = [...shape.keys()].filter(
    (at) =>
      (shape[at] === sizes.before || (typeof shape[at] !== "number" && !stated?.[at])) &&
      fits(from.slice(0, axis), shape.slice(0, at)) &&
      fits(from.slice(axis + 1), shape.slice(at + 1)),
  );
  const exact = places.filter((at) => shape[at] === sizes.before);
  const fitting = exact.length > 0 ? exact : places;
  if (fitting.length !== 1) return "joins its classes with another axis";
  const entry = stated?.[fitting[0]];
  if (entry?.size === sizes.before) entries.push(entry);
  return fitting[0];
};

/** Whether axes can have as many elements as others; those of an unknown size can have any number. */
function fits(from: readonly Dimension[], to: readonly Dimension[]): boolean {
  const [a, b] = [from, to].map((dims) => dims.filter((dim) => dim !== 1));
  if (a.length === b.length && a.every((dim, k) => dim === b[k])) return true;
  if ([...a, ...b].some((dim) => typeof dim !== "number" || dim < 1))
    return a.length > 0 && b.length > 0;
  const count = (dims: readonly Dimension[]) => dims.reduce<number>((n, dim) => n * Number(dim), 1);
  return count(a) === count(b);
}

/** ArgMax and TopK name classes: behind them, their number no longer matters. */
const named: Passes = (step) => {
  const { use, axis, sizes } = step;
  const { node } = use;
  const along = attribute(node, "axis")?.i ?? (node.op === "TopK" ? -1 : 0);
  if (placeOfAxis(along, rankOf(step)) !== axis) return "takes the largest along another axis";
  const [count = 1] = node.op === "TopK" ? (numbersOf(node.inputs[1]) ?? []) : [1];
  return count <= sizes.after ? null : `takes the ${count} largest of ${sizes.after}`;
};

/** Resize and Upsample of other axes: a scale of 1, or a size that is the number of classes. */
const resized: Passes = (step) => {
  const { use, axis, sizes, entries } = step;
  const { node } = use;
  if (use.index !== 0) return "takes it as a size";
  const axes = attribute(node, "axes")?.ints;
  const at = axes?.length ? axes.indexOf(axis) : axis;
  if (at < 0) return axis;
  const index = node.inputs.length > 2 ? 2 : 1;
  const scales = attribute(node, "scales")?.floats ?? numbersOf(node.inputs[index]);
  if (scales?.length) return scales[at] === 1 ? axis : "scales its classes";
  if (node.inputs[3]) {
    const entry = shapeEntries(step, { node, index: 3 })?.[at];
    if (entry && entry.size !== sizes.before) return "scales its classes";
    if (entry) entries.push(entry);
  }
  return axis;
};

/** A part of every class: some positions of other axes. */
const sliced: Passes = (step) => {
  const { use, axis } = step;
  const { node } = use;
  if (use.index !== 0) return "takes it as an index";
  const { list } = attributesOf(node);
  const [starts, given] = [list("starts", 1), list("axes", 3)];
  const axes = given?.length ? [...given] : starts ? [...starts.keys()] : null;
  if (!axes) return "takes a part along axes that are computed";
  return axes.some((along) => placeOfAxis(along, rankOf(step)) === axis)
    ? "takes a part of its classes"
    : axis;
};

/** What lets classes pass. */
export const classPasses: Readonly<Record<string, Passes>> = {
  ...rows(same, "Identity Cast Softmax LogSoftmax Sigmoid HardSigmoid Exp Log Neg Dropout Clip"),
  ...rows(same, "Relu LeakyRelu Elu Tanh Softplus Sqrt Abs LpNormalization Hardmax"),
  ...rows(withScalar, "Add Sub Mul Div Pow Greater GreaterOrEqual Less LessOrEqual"),
  ...rows(pooled, "GlobalAveragePool GlobalMaxPool AveragePool MaxPool"),
  ...rows(moved("has an unknown shape"), "Transpose"),
  ...rows(reshaped, "Reshape Flatten Squeeze Unsqueeze"),
  ...rows(moved("reduces its classes"), "ReduceMean ReduceMax ReduceSum"),
  ...rows(named, "ArgMax TopK"),
  ...rows(resized, "Resize Upsample"),
  ...rows(sliced, "Slice"),
  ...rows(moved("takes some of its classes"), "Gather"),
  ...rows(rounded, "QuantizeLinear DequantizeLinear"),
  ...rows(quantized(same), "com.microsoft.QLinearSoftmax com.microsoft.QLinearSigmoid"),
  ...rows(quantized(same), "com.microsoft.QLinearLeakyRelu"),
  ...rows(quantized(pooled), "com.microsoft.QLinearGlobalAveragePool"),
  ...rows(quantized(pooled), "com.microsoft.QLinearAveragePool"),
  ...rows(quantizedSum, "com.microsoft.QLinearAdd"),
  ...rows(() => null, "Shape Size"),
};

/** An entry of a constant in a list of sizes: the slot that reads the constant, and its place. */
interface ShapeEntry {
  readonly use: Use;
  readonly entry: number;
  readonly size: number;
}

/** Returns the entries of a list of sizes that are constant, and null for those that are computed. */
function shapeEntries(known: KnownGraph, use: Use): (ShapeEntry | null)[] | null {
  const value = use.node.inputs[use.index];
  if (!value) return null;
  const numbers = numbersOf(value);
  if (numbers) return numbers.map((size, entry) => ({ use, entry, size }));
  const { producer } = value;
  if (producer?.op === "Identity" || producer?.op === "Cast")
    return shapeEntries(known, { node: producer, index: 0 });
  const parts = producer?.op === "Concat" ? producer.inputs : [];
  if (parts.length === 0) {
    const length = known.types.get(value)?.shape?.[0];
    return typeof length === "number" ? Array(length).fill(null) : null;
  }
  const entries = parts.map((_, index) => shapeEntries(known, { node: producer!, index }));
  return entries.every((part) => part !== null) ? entries.flat() : null;
}
