import { float } from "../../src/onnx/new-node.ts";
import type { GradientNode } from "./rule.ts";

/** w = k x + m x³ of the tanh form x/2 (1 + tanh w), as Gelu with approximate = "tanh" has them. */
export const TANH_FORM = { k: Math.sqrt(2 / Math.PI), m: 0.044715 * Math.sqrt(2 / Math.PI) };

/**
 * Writes Gelu's slope Φ(x) + x φ(x) with Φ = ½ + ½ erf u, u = x / √2: all from x again. So x alone is
 * kept, and onnxruntime computes a Gelu that is written out in one operator, if u is written
 * differently there: with a division unless `divides`.
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
 * Writes the slope of the tanh form, which is x σ(2w): s + x 2w′ s (1 − s), s = σ(2w); from x alone
 * too. x is scaled before it is squared, as no model does it.
 */
export function tanhFormSlope({ op, scalar }: GradientNode, x: string, { k, m }: typeof TANH_FORM) {
  const scaled = op.Mul(x, scalar(Math.sqrt(2 * m)));
  const square = op.Mul(scaled, scaled);
  const s = op.Sigmoid(op.Mul(x, op.Add(square, scalar(2 * k))));
  const rise = op.Mul(x, op.Add(op.Mul(square, scalar(3)), scalar(2 * k)));
  return op.Add(s, op.Mul(rise, op.Sub(s, op.Mul(s, s))));
}
