import { rows } from "../../src/graph/own.ts";
import { largest } from "../../src/graph/tensor.ts";
import { outputBetween, whereAbove, whereEqual } from "./indicators.ts";
import { type GradientNode, inert, type VjpTable } from "./rule.ts";

/** Elementwise functions of one value. */
export const elementwise = {
  ...rows(inert, "Ceil Floor Round Sign"),
  Abs: ({ op, write, g, dtype }, x) => [op.Mul(g, write.sign(x, dtype))],
  Acos: ({ op, g, scalar }, x) => [op.Neg(op.Div(g, op.Sqrt(op.Sub(scalar(1), op.Mul(x, x)))))],
  Acosh: ({ op, g, scalar }, x) => [op.Div(g, op.Sqrt(op.Sub(op.Mul(x, x), scalar(1))))],
  Asin: ({ op, g, scalar }, x) => [op.Div(g, op.Sqrt(op.Sub(scalar(1), op.Mul(x, x))))],
  Asinh: ({ op, g, scalar }, x) => [op.Div(g, op.Sqrt(op.Add(scalar(1), op.Mul(x, x))))],
  Atan: ({ op, g, scalar }, x) => [op.Div(g, op.Add(scalar(1), op.Mul(x, x)))],
  Atanh: ({ op, g, scalar }, x) => [op.Div(g, op.Sub(scalar(1), op.Mul(x, x)))],
  Clip: clip,
  Cos: ({ op, g }, x) => [op.Neg(op.Mul(g, op.Sin(x)))],
  // sinh x = y − e⁻ˣ
  Cosh: ({ op, g, y }, x) => [op.Mul(g, op.Sub(y, op.Exp(op.Neg(x))))],
  // 2 / √π · e^(−x²)
  Erf: ({ op, g, scalar }, x) => [
    op.Mul(g, op.Exp(op.Sub(scalar(Math.log(2 / Math.sqrt(Math.PI))), op.Mul(x, x)))),
  ],
  Exp: ({ op, g, y }) => [op.Mul(g, y)],
  Identity: ({ g }) => [g],
  Log: ({ op, g }, x) => [op.Div(g, x)],
  Neg: ({ op, g }) => [op.Neg(g)],
  Reciprocal: ({ op, g, y }) => [op.Neg(op.Mul(g, op.Mul(y, y)))],
  Sin: ({ op, g }, x) => [op.Mul(g, op.Cos(x))],
  // cosh x = y + e⁻ˣ
  Sinh: ({ op, g, y }, x) => [op.Mul(g, op.Add(y, op.Exp(op.Neg(x))))],
  Sqrt: (at) => [throughRoot(at)],
  Tan: ({ op, g, y }) => [op.Add(g, op.Mul(g, op.Mul(y, y)))],
} satisfies VjpTable;

/**
 * g / 2y; 0 at 0, as PyTorch's std, norm and cdist have it, which are a root of a sum of squares in a
 * model.
 */
export const throughRoot = (at: GradientNode): string =>
  at.op.Div(at.g, aboveZero(at, at.op.Add(at.y, at.y)));

/** A value where it is positive, and elsewhere one so large that what is divided by it is 0. */
function aboveZero({ op, write, scalar, dtype }: GradientNode, x: string): string {
  const isNone = write.cast(op.Not(op.Greater(x, scalar(0))), dtype);
  return op.Add(x, op.Mul(isNone, scalar(largest(dtype))));
}

/**
 * Returns g if x is within its bounds; otherwise the bound gets it. If the bounds are not trained, y
 * alone shows it: then x, which is not computed if the Clip is fused, need not be kept.
 */
function clip(at: GradientNode, x: string, min?: string, max?: string) {
  const { op, write, g, y, dtype, needs, opset } = at;
  const bounds = boundsOf(at);
  if (dtype === "float" && bounds) return [op.Mul(g, at.sized(outputBetween(at, y, ...bounds)))];
  if (dtype !== "float" && opset >= 11 && !needs[1] && !needs[2]) {
    const insides = [min && op.Sub(y, min), max && op.Sub(max, y)];
    return [
      insides.reduce<string>((to, inside) => (inside ? op.Mul(to, whereAbove(at, inside)) : to), g),
    ];
  }
  const total = (v: string) => write.reduce("ReduceSum", v, [...at.shape(0).keys()], false);
  return [
    op.Mul(g, whereEqual(at, x, y)),
    min && needs[1] ? total(write.masked(op.Less(x, y), g, dtype)) : null,
    max && needs[2] ? total(write.masked(op.Greater(x, y), g, dtype)) : null,
  ];
}

/** Returns the bounds of a Clip if they are constants, and not the same. */
function boundsOf({ inputs, numbers, needs, float, opset }: GradientNode): [number, number] | null {
  if (needs[1] || needs[2]) return null;
  const bound = (k: number, name: string, otherwise: number) => {
    if (opset < 11) return float(name, otherwise);
    return inputs[k] ? (numbers(k)?.[0] ?? Number.NaN) : otherwise;
  };
  const [min, max] = [bound(1, "min", -Infinity), bound(2, "max", Infinity)];
  const isBounded = Number.isFinite(min) || Number.isFinite(max);
  return min < max && isBounded ? [min, max] : null;
}
