import { float } from "../../src/onnx/new-node.ts";
import { hardSwishSlope } from "./gates.ts";
import { geluSlope, TANH_FORM, tanhFormSlope } from "./gelu.ts";
import { affine, fromOne, isImage, whereAbove, whereBelow } from "./indicators.ts";
import { type GradientNode, inert, type VjpTable } from "./rule.ts";

/** Selu's default constants, as ONNX states them. */
const SELU = { alpha: 1.6732632423543772, gamma: 1.0507009873554805 };

/** Activations. If the output gives the slope, it is read instead of computed again. */
export const activations = {
  // x ≤ 0: α(e^(x/α) − 1), slope y/α + 1
  Celu: (at, x) => {
    const { op, g, y, scalar, float } = at;
    return [piecewise(at, x, g, op.Add(op.Div(y, scalar(float("alpha", 1))), scalar(1)))];
  },
  // x ≤ 0: α(eˣ − 1), slope y + α
  Elu: (at, x) => [piecewise(at, x, at.g, at.op.Add(at.y, at.scalar(at.float("alpha", 1))))],
  Gelu: (at, x) => {
    const isTanh = at.text("approximate", "none") === "tanh";
    return [at.op.Mul(at.g, isTanh ? tanhFormSlope(at, x, TANH_FORM) : geluSlope(at, x))];
  },
  // 0 < y < 1: α
  HardSigmoid: (at) => {
    const { op, g, y, scalar, dtype } = at;
    const alpha = at.float("alpha", 0.2);
    const inside = op.Mul(whereAbove(at, y), whereBelow(at, y, 1));
    // Not a product: onnxruntime multiplies an image of single positions by a number slowly.
    const slope =
      dtype === "float" && alpha > 0 && alpha <= 1
        ? op.HardSigmoid(inside, { alpha: float(alpha), beta: float(0) })
        : op.Mul(inside, scalar(alpha));
    return [op.Mul(g, slope)];
  },
  // h = clip(x/6 + ½, 0, 1), y = x h
  HardSwish: (at, x) => {
    const { op, write, g, scalar, dtype } = at;
    const h =
      dtype === "float"
        ? op.HardSigmoid(x, { alpha: float(1 / 6), beta: float(0.5) })
        : write.clip(op.Add(op.Div(x, scalar(6)), scalar(0.5)), 0, 1, dtype);
    return [op.Mul(op.Mul(g, at.sized(hardSwishSlope(at, h))), scalar(0.5))];
  },
  Hardmax: inert,
  LeakyRelu: (at, x) => {
    const { op, g, scalar, opset } = at;
    const alpha = at.float("alpha", 0.01);
    if (isImage(at) && alpha !== 1)
      return [op.Mul(g, at.sized(affine(at, whereAbove(at, x), 1 - alpha, alpha)))];
    // Max broadcasts from opset 8.
    if (opset < 8 || alpha < 0 || alpha > 1) return [piecewise(at, x, g, scalar(alpha))];
    return [op.Mul(g, op.Max([whereAbove(at, x), scalar(alpha)]))];
  },
  // t = tanh(softplus x): t + x (1 − t²) σ(x)
  Mish: ({ op, g, scalar }, x) => {
    const t = op.Tanh(op.Softplus(x));
    const rest = op.Mul(op.Mul(x, op.Sub(scalar(1), op.Mul(t, t))), op.Sigmoid(x));
    return [op.Mul(g, op.Add(t, rest))];
  },
  Relu: (at) => [at.op.Mul(at.g, at.sized(whereAbove(at, at.y)))],
  // x ≤ 0: γ α (eˣ − 1), slope y + γ α; else γ
  Selu: (at, x) => {
    const { op, g, y, scalar, float } = at;
    const [alpha, gamma] = [float("alpha", SELU.alpha), float("gamma", SELU.gamma)];
    const left = op.Mul(g, op.Add(y, scalar(gamma * alpha)));
    const right = op.Mul(g, scalar(gamma));
    return [at.write.where(op.Greater(x, scalar(0)), right, left, at.dtype)];
  },
  // |x| > λ: the sign's bias does not matter
  Shrink: ({ op, write, g, scalar, float, dtype }, x) => {
    const outside = op.Greater(op.Abs(x), scalar(float("lambd", 0.5)));
    return [write.masked(outside, g, dtype)];
  },
  Sigmoid: (at) => [at.op.Mul(at.g, at.sized(at.op.Mul(at.y, fromOne(at, at.y))))],
  Softplus: ({ op, g }, x) => [op.Mul(g, op.Sigmoid(x))],
  // (1 − |y|)²
  Softsign: ({ op, g, y, scalar }) => {
    const rest = op.Sub(scalar(1), op.Abs(y));
    return [op.Mul(g, op.Mul(rest, rest))];
  },
  // s = σ(α x), y = x s: s + α y (1 − s)
  Swish: (at, x) => {
    const { op, g, y, scalar } = at;
    const alpha = at.float("alpha", 1);
    const scaled = (v: string) => (alpha === 1 ? v : op.Mul(scalar(alpha), v));
    const s = op.Sigmoid(scaled(x));
    return [op.Mul(g, at.sized(op.Add(s, op.Mul(scaled(y), fromOne(at, s)))))];
  },
  Tanh: (at) => [at.op.Mul(at.g, at.sized(fromOne(at, at.op.Mul(at.y, at.y))))],
  ThresholdedRelu: ({ op, write, g, scalar, float, dtype }, x) => [
    write.masked(op.Greater(x, scalar(float("alpha", 1))), g, dtype),
  ],
} satisfies VjpTable;

/** Returns g if x is positive, otherwise g · slope. */
export const piecewise = (
  { op, write, scalar, dtype }: GradientNode,
  x: string,
  g: string,
  slope: string,
) => write.where(op.Greater(x, scalar(0)), g, op.Mul(g, slope), dtype);
