import { float } from "../../src/onnx/new-node.ts";
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

/**
 * scale · x + shift: of an image, a BatchNormalization of constants, to which onnxruntime adds another
 * value in place.
 */
function affine(
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
