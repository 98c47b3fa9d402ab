import type { Node } from "../../src/graph/graph.ts";
import { attributesOf } from "../../src/graph/node-view.ts";
import { own, rows } from "../../src/graph/own.ts";
import { elements, placeOfAxis, range } from "../../src/onnx/dtypes.ts";

/**
 * Elements of a value: `count` of `size` positions from `start` on, if the value is laid out as
 * [outer, size, inner]. A reshaped value has the same positions.
 */
export interface Positions {
  readonly outer: number;
  readonly size: number;
  readonly inner: number;
  readonly start: number;
  readonly count: number;
}

/** The axis that contains the positions, and what it holds beside them: [before, size, after]. */
interface Place {
  readonly axis: number;
  readonly before: number;
  readonly after: number;
}

type Shape = readonly number[];

/** Returns the axis of a shape that contains positions; null if they cut across axes. */
export function axisOf(shape: Shape, { outer, size }: Positions): Place | null {
  let before = 1;
  for (const [axis, length] of shape.entries()) {
    const through = before * length;
    if (outer % before === 0 && through % (outer * size) === 0)
      return { axis, before: outer / before, after: through / (outer * size) };
    before = through;
  }
  return null;
}

/** Returns the shape of the positions alone. */
export const shapeOfPositions = (
  shape: Shape,
  { axis, before, after }: Place,
  { count }: Positions,
): Shape => shape.with(axis, before * count * after);

/** A node of whose output only some positions are read. */
interface Narrowed {
  readonly node: Node;
  /** Shapes of its inputs; null for one that is absent. */
  readonly inputs: readonly (Shape | null)[];
  readonly output: Shape;
  readonly positions: Positions;
  readonly place: Place;
}

/** Returns the positions that are read of each input, null for all of it; null if positions mix. */
type PositionRule = (at: Narrowed) => readonly (Positions | null)[] | null;

/** Returns the same positions of a value of this shape, on this axis. */
const onAxis = ({ positions, place }: Narrowed, shape: Shape, axis: number): Positions => ({
  ...positions,
  outer: elements(shape.slice(0, axis)) * place.before,
  inner: elements(shape.slice(axis + 1)) * place.after,
});

/** An operand that is broadcast is read as it is. */
function broadcastFrom(at: Narrowed, shape: Shape | null): Positions | null | undefined {
  if (shape === null) return null;
  const axis = at.place.axis - at.output.length + shape.length;
  if (axis < 0 || shape[axis] === 1) return null;
  return shape[axis] === at.output[at.place.axis] ? onAxis(at, shape, axis) : undefined;
}

const broadcasting: PositionRule = (at) => {
  const all = at.inputs.map((shape) => broadcastFrom(at, shape));
  return all.includes(undefined) ? null : (all as (Positions | null)[]);
};

/** The first input alone has the axis; from an axis of its own on, or on that alone, positions mix. */
const mixing =
  (mixes: (at: Narrowed, own: number) => boolean, fallback = -1): PositionRule =>
  (at) => {
    const { node, output, positions, inputs } = at;
    const own = placeOfAxis(attributesOf(node).int("axis", fallback), output.length);
    return mixes(at, own) ? null : inputs.map((_, k) => (k === 0 ? positions : null));
  };

const fromAxis = (fallback = -1) => mixing(({ place }, own) => place.axis >= own, fallback);
const onItsAxis = mixing(({ place }, own) => place.axis === own);

/** Before opset 13, a softmax covers all axes from its own on. */
const softmax: PositionRule = (at) => (at.node.scope.file.opset < 13 ? fromAxis(1) : onItsAxis)(at);

const concat: PositionRule = (at) => {
  const own = placeOfAxis(attributesOf(at.node).int("axis", 0), at.output.length);
  return own === at.place.axis ? null : broadcasting(at);
};

/** Rows of the left operand, or matrices of both. */
const matrixProduct: PositionRule = (at) => {
  const [left, right] = at.inputs;
  const { axis } = at.place;
  const rank = at.output.length;
  if (!left || !right || left.length < 2 || right.length < 2 || axis === rank - 1) return null;
  if (axis === rank - 2) return [onAxis(at, left, left.length - 2), null];
  return broadcasting(at);
};

const gemm: PositionRule = (at) => {
  const [left, , added] = at.inputs;
  if (!left || at.place.axis !== 0) return null;
  const transposed = attributesOf(at.node).int("transA", 0) === 1;
  return [onAxis(at, left, transposed ? 1 : 0), null, broadcastFrom(at, added ?? null) ?? null];
};

const transposed: PositionRule = (at) => {
  const perm = attributesOf(at.node).ints("perm") ?? range(at.output.length).reverse();
  return [onAxis(at, at.inputs[0]!, perm[at.place.axis])];
};

const reshaped: PositionRule = ({ inputs, positions }) =>
  inputs.map((_, k) => (k === 0 ? positions : null));

const reduced: PositionRule = (at) => {
  const { node, inputs, output, place } = at;
  const [shape] = inputs;
  const { list, int } = attributesOf(node);
  const axes = list("axes", 1);
  if (!shape || !axes?.length) return null;
  const gone = axes.map((axis) => placeOfAxis(axis, shape.length));
  const left = range(shape.length).filter((axis) => !gone.includes(axis));
  const axis = int("keepdims", 1) === 1 ? place.axis : left[place.axis];
  if (gone.includes(axis) || shape[axis] !== output[place.axis]) return null;
  return [onAxis(at, shape, axis), null];
};

const RULES: Readonly<Record<string, PositionRule>> = {
  ...rows(broadcasting, "Add Div Equal Greater Less Max Min Mul Pow Sub Sum Where"),
  ...rows(broadcasting, "Abs Cast Cos Erf Exp Identity Log Neg Not Reciprocal Sign Sin Sqrt"),
  ...rows(broadcasting, "Celu Clip Elu Gelu HardSigmoid HardSwish LeakyRelu Mish PRelu Relu"),
  ...rows(broadcasting, "Selu Sigmoid Softplus Softsign Swish Tanh"),
  ...rows(fromAxis(), "LayerNormalization RMSNormalization"),
  ...rows(softmax, "LogSoftmax Softmax"),
  ...rows(reshaped, "Flatten Reshape Squeeze Unsqueeze"),
  ...rows(reduced, "ReduceL2 ReduceMax ReduceMean ReduceMin ReduceSum ReduceSumSquare"),
  Concat: concat,
  Gemm: gemm,
  LpNormalization: onItsAxis,
  MatMul: matrixProduct,
  Transpose: transposed,
};

/**
 * Returns the positions of each input that a node reads for some positions of its output, null for
 * an input that is read whole; null if the operator mixes positions, or has no rule.
 */
export function positionsRead(at: Omit<Narrowed, "place">): readonly (Positions | null)[] | null {
  const place = axisOf(at.output, at.positions);
  const read = place && own(RULES, at.node.op)?.({ ...at, place });
  if (!read) return null;
  const isPlaced = (positions: Positions | null, k: number) =>
    positions === null || axisOf(at.inputs[k]!, positions) !== null;
  return read.every(isPlaced) ? read : null;
}
