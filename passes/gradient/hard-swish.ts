import { float } from "../../src/onnx/new-node.ts";
import { affine } from "./indicators.ts";
import type { GradientNode } from "./rule.ts";

/** A slope that is steep from one float32 beside 0 or 1 to the next. */
const STEEP = 2 ** 100;

/**
 * Writes twice the slope of x h, h = clip(x/6 + ½, 0, 1): the slope is 2 h − ½ where h is not
 * clipped, otherwise h. So twice the slope is 4 h − 2, plus 1 if h is 0, plus 1 unless h is 1. Of an
 * image, these operators keep onnxruntime's layout; a difference of two values does not.
 */
export function hardSwishSlope(at: GradientNode, h: string): string {
  const { op, write, scalar, dtype } = at;
  if (dtype !== "float") {
    const twice = op.Mul(h, scalar(2));
    const inside = write.sign(op.Mul(h, op.Sub(scalar(1), h)), dtype);
    return op.Add(twice, op.Mul(inside, op.Sub(twice, scalar(1))));
  }
  const isZero = op.HardSigmoid(h, { alpha: float(-STEEP), beta: float(1) });
  const isLess = op.HardSigmoid(h, { alpha: float(-STEEP), beta: float(STEEP) });
  return op.Add(op.Add(affine(at, h, 4, -2), isZero), affine(at, isLess, 1, 0));
}
