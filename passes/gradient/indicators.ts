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
 * beyond them. A HardSigmoid keeps the layout of images; Sub and Abs do not. Two of them are added
 * behind a BatchNormalization of constants, which onnxruntime runs as one Conv.
 */
export function outputBetween(
  { op, constant, outShape }: GradientNode,
  y: string,
  min: number,
  max: number,
): string {
  const side = (limit: number, sign: number) => {
    if (!Number.isFinite(limit)) return null;
    const slope = sign * (limit === 0 ? STEEP : slopeFor(limit));
    return op.HardSigmoid(y, { alpha: float(slope), beta: float(-slope * limit) });
  };
  const [above, below] = [side(min, 1), side(max, -1)];
  if (!above || !below) return above ?? below!;
  if (outShape(0).length !== 4 || min >= max) return op.Mul(above, below);
  const perChannel = (value: number) =>
    constant("float", [outShape(0)[1]], new Float32Array(outShape(0)[1]).fill(value));
  const [less, zero, one] = [-1, 0, 1].map(perChannel);
  return op.Add(op.BatchNormalization(above, one, less, zero, one, { epsilon: float(0) }), below);
}

/** A power of two that is steep beside a limit, and whose product with it is a float32. */
const slopeFor = (limit: number) => 2 ** Math.min(100, 120 - Math.ceil(Math.log2(Math.abs(limit))));

/** A steep slope whose product with a limit is still a float32. */
const STEEP_TO_LIMIT = 2 ** 100;

/** Writes 1 if x is below a limit, otherwise 0. */
export const whereBelow = (at: GradientNode, x: string, limit: number): string =>
  at.dtype === "float"
    ? at.op.HardSigmoid(x, { alpha: float(-STEEP_TO_LIMIT), beta: float(limit * STEEP_TO_LIMIT) })
    : whereAbove(at, at.write.clip(at.op.Sub(at.scalar(limit), x), 0, null, at.dtype));

/** Writes 1 if a and b are equal, otherwise 0; both are finite. */
export function whereEqual(at: GradientNode, a: string, b: string): string {
  const { op, write, dtype, scalar } = at;
  const apart = op.Abs(op.Sub(a, b));
  return dtype === "float"
    ? op.HardSigmoid(apart, { alpha: float(-STEEP), beta: float(1) })
    : op.Sub(scalar(1), write.sign(apart, dtype));
}
