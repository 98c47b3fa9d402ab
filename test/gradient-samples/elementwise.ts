import type { arithmetic } from "../../passes/gradient/arithmetic.ts";
import type { elementwise } from "../../passes/gradient/elementwise.ts";
import { at, positive, type Samples, single, unary, within } from "./sample.ts";

const binary = (op: string) => [
  ...at([7, 18], { text: `y = ${op}(a, b)`, inputs: { a: [2, 3, 4], b: positive(3, 1) } }),
  { text: `y = ${op}(a, b)`, inputs: { a: positive(1, 4), b: positive(2, 1, 1) } },
  { text: `y = ${op}(a, b)`, inputs: { a: positive(), b: positive(2, 3) } },
];

/** Samples of arithmetic. */
export const elementwiseSamples: Samples<typeof arithmetic & typeof elementwise> = {
  Abs: at([7, 18], unary("y = Abs(x)")),
  Acos: [single(unary("y = Acos(x)", within(-0.8, 0.8, 5)))],
  Acosh: [single(unary("y = Acosh(x)", within(1.5, 3, 5)))],
  Add: binary("Add"),
  Asin: [single(unary("y = Asin(x)", within(-0.8, 0.8, 5)))],
  Asinh: [single(unary("y = Asinh(x)"))],
  Atan: [single(unary("y = Atan(x)"))],
  Atanh: [single(unary("y = Atanh(x)", within(-0.8, 0.8, 5)))],
  Ceil: [unary("y = Ceil(x)", [3], { absent: ["x"] })],
  Clip: [
    single(unary("y = Clip <min = -0.5, max = 0.7> (x)", [2, 3], { opset: 7 })),
    single(unary("y = Clip <max = 0.7> (x)", [2, 3], { opset: 10 })),
    unary("y = Clip(x)", [4, 5]),
    {
      text: "y = Clip(x, low, high)",
      inputs: { x: [4, 5], low: within(-0.9, -0.3), high: within(0.2, 0.8) },
    },
    { text: `y = Clip(x, "", high)`, inputs: { x: [4, 5], high: within(0.2, 0.8) }, opset: 12 },
    unary("y = Clip(x, low, high)", [20], { given: "double low = {-0.5}, double high = {0.5}" }),
    single(
      unary("y = Clip(x, low, high)", [2, 2, 2, 3], {
        given: "float low = {-0.4}, float high = {0.4}",
      }),
    ),
    single(
      unary("y = Clip(x, low, high)", [2, 2, 2, 3], {
        given: "float low = {0.0}, float high = {0.3}",
      }),
    ),
    single(unary("y = Clip(x, half, half)", [1, 2, 2, 3], { given: "float half = {0.5}" })),
  ],
  Cos: [unary("y = Cos(x)")],
  Cosh: [single(unary("y = Cosh(x)"))],
  Div: binary("Div"),
  Erf: at([9, 18], single(unary("y = Erf(x)"))),
  Exp: [unary("y = Exp(x)")],
  Expand: at(
    [8, 13],
    unary("y = Expand(x, shape)", [3, 1], { given: "int64[3] shape = {2, 1, 4}" }),
  ),
  Floor: [unary("y = Floor(x)", [3], { absent: ["x"] })],
  Identity: [unary("y = Identity(x)")],
  Log: [unary("y = Log(x)", positive(3, 4))],
  Max: [
    ...at([8, 13], { text: "y = Max(a, b)", inputs: { a: [3, 4], b: [4] } }),
    { text: "y = Max(a, b, c)", inputs: { a: [3, 4], b: [1, 4], c: [3, 1] } },
    { text: "y = Max(a)", inputs: { a: [3, 4] } },
  ],
  Mean: [
    single({ text: "y = Mean(a, b, c)", inputs: { a: [3, 4], b: [4], c: [2, 1, 1] } }),
    single({ text: "y = Mean(a)", inputs: { a: [3, 4] } }),
  ],
  Min: [
    ...at([8, 13], { text: "y = Min(a, b)", inputs: { a: [3, 4], b: [4] } }),
    { text: "y = Min(a, b, c)", inputs: { a: [3, 4], b: [1, 4], c: [3, 1] } },
  ],
  Mod: [
    {
      text: "y = Mod <fmod = 1> (a, b)",
      inputs: { a: within(-3, 3, 3, 4), b: within(0.9, 1.1, 4) },
    },
  ],
  Mul: [...binary("Mul"), { text: "y = Mul(x, x)", inputs: { x: [3] } }],
  Neg: [unary("y = Neg(x)")],
  Pow: [
    ...[0, 1, 2, 3, 0.5, -1, -0.5, 2.5].map((p) =>
      unary("y = Pow(x, p)", positive(3, 4), { given: `double p = {${p.toFixed(1)}}` }),
    ),
    unary("y = Pow(x, p)", positive(3, 4), {
      given: "double[4] p = {2.0, 3.0, 0.0, 1.0}",
      opset: 7,
    }),
    unary("y = Pow(x, p)", [3, 4], { given: "int64[4] p = {2, 3, 0, 1}", opset: 12 }),
    { text: "y = Pow(x, p)", inputs: { x: positive(3, 4), p: [4] } },
    { text: "y = Pow(x, p)", inputs: { x: positive(1, 4), p: [2, 3, 1] }, opset: 13 },
    // 0 to powers of which some are below 1.
    ...at(
      [7, 15],
      unary("z = Sub(x, x) b = Pow(z, p) y = Add(b, x)", [4], {
        given: "double[4] p = {2.0, 1.0, 0.5, 0.0}",
      }),
    ),
  ].map((sample) => (sample.given?.includes("{0.0}") ? { ...sample, absent: ["x"] } : sample)),
  PRelu: at([7, 9, 16], single({ text: "y = PRelu(x, s)", inputs: { x: [2, 3, 4], s: [3, 1] } })),
  Reciprocal: [unary("y = Reciprocal(x)", positive(3, 4))],
  Round: [unary("y = Round(x)", [3], { absent: ["x"] })],
  Sign: [unary("y = Sign(x)", [3], { absent: ["x"] })],
  Sin: [unary("y = Sin(x)")],
  Sinh: [single(unary("y = Sinh(x)"))],
  Sqrt: [
    unary("y = Sqrt(x)", positive(3, 4)),
    // Distances of rows from each other, 0 from themselves.
    ...["r = Sqrt(s)", "r = Pow(s, p)", "r = Pow(s, q)"].map((root) =>
      unary(
        `a = Transpose(x) d = Sub(x, a) e = Mul(d, d) s = Mul(e, e) ${root} y = Mul(r, x)`,
        [3, 3],
        {
          given: "double p = {0.5}, double q = {0.75}",
        },
      ),
    ),
  ],
  Sub: binary("Sub"),
  Sum: at([8, 13], single({ text: "y = Sum(a, b, c)", inputs: { a: [3, 4], b: [4], c: [3, 1] } })),
  Tan: [single(unary("y = Tan(x)", within(-1, 1, 3, 4)))],
  Where: at([9, 16], {
    text: "y = Where(c, a, b)",
    inputs: { a: [3, 4], b: [2, 1, 1] },
    given: "bool[4] c = {1, 0, 0, 1}",
  }),
};
