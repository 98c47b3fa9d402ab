import { float } from "../../src/onnx/new-node.ts";
import type { GradientNode } from "./rule.ts";

/** w = k x + m x³ of the tanh form x/2 (1 + tanh w), as Gelu with approximate = "tanh" has them. */
export const TANH_FORM = { k: Math.sqrt(2 / Math.PI), m: 0.044715 * Math.sqrt(2 / Math.PI) };

/**
 * Writes Gelu's slope Φ(x) + x φ(x) with Φ = ½ + ½ erf u, u = x / √2: all from x again, so that x
 * alone is kept. A model that writes Gelu as several nodes makes u by a division, if it `divides`, or
 * by a product. Here it is the other: if both were the same node, onnxruntime could not compute the
 * model's Gelu in one operator.
 */
export function geluSlope({ op, scalar, dtype }: GradientNode, x: string, divides = false) {
  const u = divides ? op.Mul(x, scalar(Math.SQRT1_2)) : op.Div(x, scalar(Math.SQRT2));
  const density = op.Exp(op.Sub(scalar(-Math.log(2 * Math.PI) / 2), op.Mul(u, u)));
  const erf = op.Erf(u);
  const half = scalar(0.5);
  const Phi =
    dtype === "float"
      ? op.HardSigmoid(erf, { alpha: float(0.5), beta: float(0.5) })
      : op.Add(op.Mul(erf, half), half);
  return op.Add(Phi, op.Mul(x, density));
}

/**
 * Writes the slope of the tanh form, which is x σ(2w): s + x 2w′ s (1 − s) with s = σ(2w), also from x
 * alone. Here x is scaled before it is squared. Models do not do so, and share no node with it.
 */
export function tanhFormSlope({ op, scalar }: GradientNode, x: string, { k, m }: typeof TANH_FORM) {
  const scaled = op.Mul(x, scalar(Math.sqrt(2 * m)));
  const square = op.Mul(scaled, scaled);
  const s = op.Sigmoid(op.Mul(x, op.Add(square, scalar(2 * k))));
  const rise = op.Mul(x, op.Add(op.Mul(square, scalar(3)), scalar(2 * k)));
  return op.Add(s, op.Mul(rise, op.Sub(s, op.Mul(s, s))));
}
