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
