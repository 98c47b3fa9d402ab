import { elements, placeOfAxis, range } from "../../src/onnx/dtypes.ts";
import { positiveOrOne, whereEqual } from "./indicators.ts";
import type { GradientNode, VjpTable } from "./rule.ts";

/** Elements up to which a CumProd is differentiated: it takes the product without each of them. */
const LONGEST = 512;

/** Reductions: the cotangent is broadcast along the reduced axes. */
export const reductions = {
  // The products of the other elements, also if some are 0: each in turn becomes a 1.
  CumProd: (at, x) => {
    const { op, write, node, g, int, numbers, shape, constant, dtype, refuse } = at;
    const dims = shape(0);
    const [exclusive, reverse] = [int("exclusive", 0), int("reverse", 0)];
    const along = placeOfAxis(numbers(1)?.[0] ?? refuse("its axis is computed"), dims.length);
    const n = dims[along];
    if (n > LONGEST) return refuse(`its axis has more than ${LONGEST} elements`);
    const matrix = (has: (row: number, column: number) => boolean) => {
      const sizes = [n, ...dims.map((_, k) => (k === along ? n : 1))];
      const places = range(n * n).map((k) => (has(Math.floor(k / n), k % n) ? 1 : 0));
      return constant(dtype, sizes, places);
    };
    const own = matrix((row, column) => row === column);
    const others = op.Add(op.Mul(x, op.Sub(at.scalar(1), own)), own);
    const last = constant("int64", [], [along + 1]);
    const [all] = node("CumProd", [others, last], { exclusive, reverse });
    const reads = matrix((row, column) => (reverse ? row - column : column - row) >= exclusive);
    const each = write.reduce("ReduceSum", op.Mul(op.Mul(all, reads), g), [along + 1], false);
    const perm = range(dims.length).map((k) => (k === along ? 0 : k < along ? k + 1 : k));
    return [op.Transpose(each, { perm })];
  },
  CumSum: ({ op, g, inputs, int }) => [
    op.CumSum(g, inputs[1]!, {
      exclusive: int("exclusive", 0),
      reverse: 1 - int("reverse", 0),
    }),
  ],
  // log p and p
  LogSoftmax: (at) => {
    const { op, write, g, y } = at;
    const sum = write.reduce("ReduceSum", g, softmaxAxes(at));
    return [op.Sub(g, op.Mul(op.Exp(y), sum))];
  },
  ReduceL1: (at, x) => [at.op.Mul(kept(at).g, at.write.sign(x, at.dtype))],
  ReduceL2: (at, x) => {
    const { g, y } = kept(at);
    return [at.op.Mul(x, at.op.Div(g, positiveOrOne(at, y)))];
  },
  ReduceLogSum: (at) => [spread(at, at.op.Div(kept(at).g, at.op.Exp(kept(at).y)))],
  ReduceLogSumExp: (at, x) => {
    const { g, y } = kept(at);
    return [at.op.Mul(g, at.op.Exp(at.op.Sub(x, y)))];
  },
  ReduceMax: extremum,
  ReduceMean: (at) => {
    const count = elements(axesOf(at).map((axis) => at.shape(0)[axis]));
    return [spread(at, shareOf(at, count, keptShape(at)))];
  },
  ReduceMin: extremum,
  ReduceProd: (at, x) => {
    const axes = axesOf(at);
    const others = productOfOthers(at, x, {
      product: (v) => at.write.reduce("ReduceProd", v, axes),
      sum: (v) => at.write.reduce("ReduceSum", v, axes),
    });
    return [at.op.Mul(kept(at).g, others)];
  },
  ReduceSum: (at) => [spread(at, kept(at).g)],
  ReduceSumSquare: (at, x) => [at.op.Mul(kept(at).g, at.op.Add(x, x))],
  // y (g − Σ g y)
  Softmax: (at) => {
    const { op, write, g, y } = at;
    const weighed = op.Mul(g, y);
    const sum = write.reduce("ReduceSum", weighed, softmaxAxes(at));
    return [op.Sub(weighed, op.Mul(y, sum))];
  },
} satisfies VjpTable;

/** Before opset 13, a softmax covers all axes from its own on. */
const softmaxAxes = ({ axis, opset, shape }: GradientNode): number[] =>
  opset < 13 ? range(shape(0).length).slice(axis(1)) : [axis(-1)];

function axesOf({ list, inputs, int, shape, refuse }: GradientNode): number[] {
  const rank = shape(0).length;
  const given = list("axes", 1) ?? (inputs[1] ? null : []);
  if (given === null) return refuse("its axes are computed from the data");
  if (given.length > 0) return given.map((axis) => placeOfAxis(axis, rank));
  return int("noop_with_empty_axes", 0) ? [] : range(rank);
}

function keptShape(at: GradientNode): number[] {
  const axes = axesOf(at);
  return at.shape(0).map((size, axis) => (axes.includes(axis) ? 1 : size));
}

/** Returns the cotangent and the output with the reduced axes as 1. */
function kept(at: GradientNode) {
  const { write, g, y, int } = at;
  if (int("keepdims", 1) === 1) return { g, y };
  const dims = keptShape(at);
  return { g: write.reshape(g, dims), y: write.reshape(y, dims) };
}

const spread = (at: GradientNode, g: string): string =>
  at.write.expand(g, keptShape(at), at.shape(0));

/**
 * Returns each element's share of the cotangent of a mean of so many, in this shape. Divided as a
 * vector: onnxruntime takes 50 times as long for an image of single positions and a number.
 */
export const shareOf = (
  { op, write, g, scalar }: GradientNode,
  count: number,
  dims: readonly number[],
): string => write.reshape(op.Div(write.reshape(g, [-1]), scalar(count)), dims);

function extremum(at: GradientNode, x: string) {
  const { g, y } = kept(at);
  return [share({ ...at, g }, x, y, axesOf(at))];
}

/**
 * Writes the product of the others for each factor: all / x. If exactly one is 0, it gets the product
 * of the rest; if two are 0, all get 0.
 */
export function productOfOthers(
  { op, write, scalar, dtype }: GradientNode,
  x: string,
  of: { readonly product: (v: string) => string; readonly sum: (v: string) => string },
): string {
  const zero = op.Sub(scalar(1), op.Abs(write.sign(x, dtype)));
  const safe = op.Add(x, zero);
  const others = op.Div(of.product(safe), safe);
  const zeros = op.Sub(of.sum(zero), zero);
  return op.Mul(others, op.Sub(scalar(1), write.sign(zeros, dtype)));
}

/** Returns the cotangent of an extremum along axes: equal elements share it. */
export function share(at: GradientNode, x: string, y: string, axes: readonly number[]): string {
  const { op, write, g } = at;
  const is = whereEqual(at, x, y);
  return op.Mul(is, op.Div(g, write.reduce("ReduceSum", is, axes)));
}
