import { numbersOf } from "../../src/graph/constants.ts";
import { attribute, type Node, type Use, type Value } from "../../src/graph/graph.ts";
import type { KnownGraph } from "./linear-layer.ts";

/** Where the classes go between a layer and the outputs of the model. */
export interface ClassWay {
  /** Every value on the way that has an axis of classes, and that axis. */
  readonly axes: ReadonlyMap<Value, number>;
  /** Reshapes whose shape is a constant, and the entry that is the number of classes. */
  readonly reshapes: readonly { readonly use: Use; readonly entry: number }[];
  /** Whether an output of the model is reached. */
  readonly reachesOutput: boolean;
}

/** A node on the way that does not take another number of classes, and why, as a clause. */
export interface ClassObstacle {
  readonly node: Node;
  readonly why: string;
}

/** What follows a value with an axis of classes. */
interface Step extends KnownGraph {
  readonly use: Use;
  readonly axis: number;
  readonly sizes: { readonly before: number; readonly after: number };
  readonly reshapes: { use: Use; entry: number }[];
}

/** Returns the axis in a node's output, null if it has none, or why the node cannot be passed. */
type Passes = (step: Step) => number | null | string;

const same: Passes = ({ axis }) => axis;

/** One constant factor or term for all classes. */
const withScalar: Passes = ({ use, axis, types, constants }) => {
  const other = use.node.inputs[1 - use.index];
  if (!other || !constants.has(other)) return "joins it with another value";
  const shape = types.get(other)?.shape;
  const rank = types.get(use.node.inputs[use.index]!)?.shape?.length ?? 0;
  const size = shape?.[shape.length - rank + axis] ?? 1;
  return size === 1 ? axis : `has ${size} constants, one for each of its classes`;
};

const pooled: Passes = ({ axis }) => (axis === 1 ? 1 : "pools over its classes");

const transposed: Passes = ({ use, axis, types }) => {
  const rank = types.get(use.node.inputs[0]!)?.shape?.length ?? 0;
  const perm = attribute(use.node, "perm")?.ints;
  return perm?.length ? perm.indexOf(axis) : rank - 1 - axis;
};

/** The axis of a reshaped value: of the same size, with as many elements behind it. */
const reshaped: Passes = ({ graph, use, axis, sizes, types, reshapes }) => {
  const { node } = use;
  if (use.index !== 0) return "takes it as a shape";
  const [from, to] = [node.inputs[0]!, node.outputs[0]!].map((value) => types.get(value)?.shape);
  if (!from || !to) return "has an unknown shape";
  const behind = (shape: typeof from, at: number) => shape.slice(at + 1).filter((dim) => dim !== 1);
  const found = to.findIndex(
    (dim, at) => dim === sizes.before && `${behind(to, at)}` === `${behind(from, axis)}`,
  );
  if (found < 0) return "joins its classes with another axis";
  if (node.op === "Reshape") {
    const entries = numbersOf(graph, node.inputs[1]);
    if (entries?.[found] === sizes.before) reshapes.push({ use: { node, index: 1 }, entry: found });
  }
  return found;
};

const reduced: Passes = ({ graph, use, axis, types }) => {
  const { node } = use;
  const rank = types.get(node.inputs[0]!)?.shape?.length ?? 0;
  const given = attribute(node, "axes")?.ints ?? numbersOf(graph, node.inputs[1]) ?? [];
  const axes = [...given].map((each) => (each < 0 ? each + rank : each));
  if (axes.length === 0 || axes.includes(axis)) return "reduces its classes";
  if ((attribute(node, "keepdims")?.i ?? 1) !== 0) return axis;
  return axis - axes.filter((each) => each < axis).length;
};

/** ArgMax and TopK name classes: behind them, their number no longer matters. */
const named: Passes = ({ graph, use, axis, types, sizes }) => {
  const { node } = use;
  const rank = types.get(node.inputs[0]!)?.shape?.length ?? 0;
  const along = attribute(node, "axis")?.i ?? (node.op === "TopK" ? -1 : 0);
  if ((along < 0 ? along + rank : along) !== axis) return "takes the largest along another axis";
  const [count = 1] = node.op === "TopK" ? (numbersOf(graph, node.inputs[1]) ?? []) : [1];
  return count <= sizes.after ? null : `takes the ${count} largest of ${sizes.after}`;
};

const list = (passes: Passes, ops: string) => ops.split(" ").map((op) => [op, passes] as const);

/** What lets classes pass. */
const PASSES: ReadonlyMap<string, Passes> = new Map([
  ...list(same, "Identity Cast Softmax LogSoftmax Sigmoid HardSigmoid Exp Log Neg Dropout Clip"),
  ...list(same, "Relu LeakyRelu Tanh Softplus Sqrt LpNormalization Hardmax"),
  ...list(withScalar, "Add Sub Mul Div Pow"),
  ...list(pooled, "GlobalAveragePool GlobalMaxPool AveragePool MaxPool"),
  ...list(transposed, "Transpose"),
  ...list(reshaped, "Reshape Flatten Squeeze Unsqueeze"),
  ...list(reduced, "ReduceMean ReduceMax ReduceSum"),
  ...list(named, "ArgMax TopK"),
  ...list(() => null, "Shape Size"),
]);

/** Follows the classes that a layer computes to the model's outputs. */
export function followClasses(
  known: KnownGraph,
  from: { readonly value: Value; readonly axis: number },
  sizes: Step["sizes"],
): ClassWay | ClassObstacle {
  const axes = new Map([[from.value, from.axis]]);
  const reshapes: Step["reshapes"] = [];
  let reachesOutput = false;
  for (const [value, axis] of axes) {
    reachesOutput ||= value.isOutput;
    for (const use of value.uses) {
      const { node } = use;
      const passes = node.scope === known.graph.main ? PASSES.get(node.op) : undefined;
      const next = passes?.({ ...known, use, axis, sizes, reshapes }) ?? null;
      if (!passes) return { node, why: "reads it" };
      if (typeof next === "string") return { node, why: next };
      const [output] = node.outputs;
      if (next !== null && output) axes.set(output, next);
      reachesOutput ||= next === null && node.outputs.some((each) => each?.isOutput);
    }
  }
  return { axes, reshapes, reachesOutput };
}
