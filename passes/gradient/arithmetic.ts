import { elements } from "../../src/onnx/dtypes.ts";
import { piecewise } from "./activations.ts";
import { dotOfAll } from "./dot.ts";
import { throughRoot } from "./elementwise.ts";
import { positiveOrOne, whereEqual } from "./indicators.ts";
import type { GradientNode, VjpTable } from "./rule.ts";

/**
 * Operators with numpy's broadcasting. Their cotangents have the output's shape; the walk sums them
 * back.
 */
export const arithmetic = {
  Add: ({ g }) => [g, g],
  // y = a / b: ∂y/∂b = −y / b
  Div: (at, _, b) => {
    const { op, g, y, scalar } = at;
    const number = factor(at, 1);
    if (number !== null) return [op.Mul(g, scalar(1 / number))];
    const a = op.Div(g, b);
    return [a, op.Neg(op.Mul(a, y))];
  },
  // The walk undoes the broadcasting.
  Expand: ({ g }) => [g],
  Max: (at, ...operands) => extremum(at, operands, 1),
  Mean: ({ op, g, scalar }, ...operands) => operands.map(() => op.Div(g, scalar(operands.length))),
  Min: (at, ...operands) => extremum(at, operands, -1),
  // x mod y = x − y ⌊x / y⌋, truncated instead where fmod
  Mod: ({ op, g, y }, a, b) => [g, op.Neg(op.Div(op.Mul(g, op.Sub(a, y)), b))],
  Mul: (at, a, b) => [times(at, 0, b, 1), times(at, 1, a, 0)],
  PRelu: (at, x, slope) => {
    const { op, write, g, scalar, dtype } = at;
    const above = op.Greater(x, scalar(0));
    return [piecewise(at, x, g, slope), write.where(above, scalar(0), op.Mul(g, x), dtype)];
  },
  Pow: power,
  Sub: ({ op, g }) => [g, op.Neg(g)],
  Sum: ({ g }, ...operands) => operands.map(() => g),
  Where: ({ write, g, scalar, dtype }, condition) => [
    null,
    write.where(condition, g, scalar(0), dtype),
    write.where(condition, scalar(0), g, dtype),
  ],
} satisfies VjpTable;

function factor({ needs, numbers }: GradientNode, input: number): number | null {
  const values = needs[input] ? null : numbers(input);
  return values?.length === 1 ? values[0] : null;
}

/** Multiplies g by the other factor; sums at once if the factor is a single number. */
function times(at: GradientNode, input: number, other: string, place: number) {
  const { op, g, scalar, needs, shape, outShape, summed, write } = at;
  if (!needs[input]) return null;
  const number = factor(at, place);
  if (number !== null) return op.Mul(g, scalar(number));
  const [wide, narrow] = [outShape(0), shape(input)];
  const whole = elements(narrow) === 1 && elements(shape(place)) === elements(wide);
  const isWide = elements(shape(place)) === elements(wide);
  const sum = whole
    ? dotOfAll(at, g, other, wide)
    : isWide && isPerChannel(narrow, wide)
      ? perChannel(at, g, other)
      : null;
  if (sum === null) return op.Mul(g, other);
  const shaped = write.reshape(sum, narrow);
  summed.add(shaped);
  return shaped;
}

/** Whether a factor has one number for each channel of each image. */
const isPerChannel = (narrow: readonly number[], wide: readonly number[]) =>
  wide.length === 4 &&
  narrow.length === 4 &&
  narrow.every((size, axis) => size === (axis < 2 ? wide[axis] : 1));

/**
 * Writes Σ a b of each image, of which a gate in front of it has a copy in plain layout already: a
 * product in onnxruntime's own layout would have to be reordered for the sum.
 */
function perChannel({ op, write, outShape }: GradientNode, a: string, b: string): string {
  const [n, c, ...size] = outShape(0);
  const rows = (v: string) => write.reshape(v, [n * c, elements(size)]);
  return write.reduce("ReduceSum", op.Mul(rows(a), rows(b)), [1], false);
}

/** The gradient goes to the largest (the smallest if `sign` is −1); equal ones share it. */
function extremum(at: GradientNode, operands: string[], sign: number) {
  const { op, write, g, y, scalar, dtype } = at;
  if (operands.length === 1) return [g];
  if (operands.length === 2) {
    const side = write.sign(op.Sub(operands[0], operands[1]), dtype);
    const first = op.Mul(g, op.Add(op.Mul(side, scalar(sign / 2)), scalar(0.5)));
    return [first, op.Sub(g, first)];
  }
  const masks = operands.map((x) => whereEqual(at, y, x));
  const share = op.Div(g, op.Sum(masks));
  return masks.map((mask) => op.Mul(share, mask));
}

/** y = xᵖ: p xᵖ⁻¹, or 0 at 0 if p < 1; and y ln x, or 0 if x is not positive. */
function power(at: GradientNode, x: string) {
  const { op, g, y, scalar, numbers, needs } = at;
  const exponent = numbers(1);
  if (exponent && new Set(exponent).size === 1 && !needs[1])
    return [constantPower(at, x, exponent[0])];
  const p = at.like(1);
  const isSteep = op.And(isZero(at, x), op.Less(p, scalar(1)));
  const slope = slopeButAt(at, x, p, isSteep);
  return [op.Mul(g, slope), op.Mul(g, op.Mul(y, op.Log(positiveOrOne(at, x))))];
}

function constantPower(at: GradientNode, x: string, p: number) {
  const { op, g, y, scalar } = at;
  if (p === 0) return null;
  if (p === 1) return g;
  if (p === 2) return op.Mul(g, op.Add(x, x));
  if (p === 3) return op.Mul(g, op.Mul(op.Mul(x, x), scalar(3)));
  if (p === 0.5) return throughRoot(at);
  if (p === -1) return op.Neg(op.Mul(g, op.Mul(y, y)));
  if (p > 0 && p < 1) return op.Mul(g, slopeButAt(at, x, scalar(p), isZero(at, x)));
  return op.Mul(g, op.Mul(op.Pow(x, scalar(p - 1)), scalar(p)));
}

const isZero = ({ op, scalar }: GradientNode, x: string) =>
  op.Not(op.Greater(op.Abs(x), scalar(0)));

/** Writes p xᵖ⁻¹, but 0 where x is 0 and the slope infinite. */
function slopeButAt({ op, write, scalar, dtype }: GradientNode, x: string, p: string, at: string) {
  const isSteep = write.cast(at, dtype);
  const slope = op.Mul(p, op.Pow(op.Add(x, isSteep), op.Sub(p, scalar(1))));
  return op.Mul(slope, op.Sub(scalar(1), isSteep));
}
