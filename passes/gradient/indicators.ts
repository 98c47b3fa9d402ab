import { float } from "../../src/onnx/new-node.ts";
import type { GradientNode } from "./rule.ts";

/** The steepest slope of a float32 line. */
const STEEP = 2 ** 127;

/**
 * Writes 1 if x is above 0, otherwise 0, for x ≥ 0. In float32 this is a HardSigmoid so steep that
 * only subnormal numbers give anything in between; it runs on all threads, in a tenth of the time
 * of a Sign or a Where.
 */
export const whereAbove = ({ op, write, dtype }: GradientNode, x: string): string =>
  dtype === "float"
    ? op.HardSigmoid(x, { alpha: float(STEEP), beta: float(0) })
    : write.sign(x, dtype);

/**
 * Writes 1 if the output of a Clip lies between its bounds, otherwise 0, for an output that is never
 * beyond them. A HardSigmoid keeps the layout of images; Sub and Abs do not. Two of them are joined
 * behind a BatchNormalization of constants, which onnxruntime runs as one Conv, with the second
 * HardSigmoid in it if the lower bound is 0.
 */
export function outputBetween(at: GradientNode, y: string, min: number, max: number): string {
  const { op } = at;
  const side = (limit: number, sign: number) => {
    if (!Number.isFinite(limit)) return null;
    const slope = sign * (limit === 0 ? STEEP : slopeFor(limit));
    return op.HardSigmoid(y, { alpha: float(slope), beta: float(-slope * limit) });
  };
  const [above, below] = [side(min, 1), side(max, -1)];
  if (!above || !below) return above ?? below!;
  if (at.outShape(0).length !== 4 || min >= max) return op.Mul(above, below);
  if (min === 0) {
    // (max − y) / unit is at most 1 and exact beside max, so the sum is positive only between the bounds.
    const unit = 2 ** Math.ceil(Math.log2(max));
    const sum = op.Add(affine(at, y, -1 / unit, max / unit - 1), above);
    return op.HardSigmoid(sum, { alpha: float(STEEP_TO_LIMIT), beta: float(0) });
  }
  return op.Add(affine(at, above, 1, -1), below);
}

/**
 * scale · x + shift: of an image, a BatchNormalization of constants, to which onnxruntime adds another
 * value in place.
 */
export function affine(
  { op, scalar, constant, outShape }: GradientNode,
  x: string,
  times: number,
  plus: number,
): string {
  const shape = outShape(0);
  if (shape.length !== 4) return times === 1 ? x : op.Add(op.Mul(x, scalar(times)), scalar(plus));
  const perChannel = (value: number) =>
    constant("float", [shape[1]], new Float32Array(shape[1]).fill(value));
  const [scale, shift, zero, one] = [times, plus, 0, 1].map(perChannel);
  return op.BatchNormalization(x, scale, shift, zero, one, { epsilon: float(0) });
}

/** Writes 1 − x; of an image, in onnxruntime's own layout. */
export const fromOne = (at: GradientNode, x: string): string =>
  isImage(at) ? affine(at, x, -1, 1) : at.op.Sub(at.scalar(1), x);

/** Whether a node gives an image in single precision. */
export const isImage = ({ dtype, outShape }: GradientNode): boolean =>
  dtype === "float" && outShape(0).length === 4;

/** A power of two that is steep beside a limit, and whose product with it is a float32. */
const slopeFor = (limit: number) => 2 ** Math.min(100, 120 - Math.ceil(Math.log2(Math.abs(limit))));

/** A steep slope whose product with a limit is still a float32. */
const STEEP_TO_LIMIT = 2 ** 100;

/** Writes 1 if x is below a limit, otherwise 0. */
export const whereBelow = (at: GradientNode, x: string, limit: number): string =>
  at.dtype === "float"
    ? at.op.HardSigmoid(x, { alpha: float(-STEEP_TO_LIMIT), beta: float(limit * STEEP_TO_LIMIT) })
    : whereAbove(at, at.write.clip(at.op.Sub(at.scalar(limit), x), 0, null, at.dtype));

/** Writes x where it is positive, otherwise 1. */
export const positiveOrOne = ({ op, write, scalar, dtype }: GradientNode, x: string): string =>
  write.where(op.Greater(x, scalar(0)), x, scalar(1), dtype);

/** Writes 1 if a and b are equal, otherwise 0; both are finite. */
export function whereEqual(at: GradientNode, a: string, b: string): string {
  const { op, write, dtype, scalar } = at;
  const apart = op.Abs(op.Sub(a, b));
  return dtype === "float"
    ? op.HardSigmoid(apart, { alpha: float(-STEEP), beta: float(1) })
    : op.Sub(scalar(1), write.sign(apart, dtype));
}
