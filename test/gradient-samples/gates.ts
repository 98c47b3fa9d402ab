import { at, type Sample, single, unary, within } from "./sample.ts";

const wide = within(-5.2, 5.2, 4, 5);
const given = (numbers: Record<string, number>) =>
  Object.entries(numbers)
    .map(([name, value]) => `float ${name} = {${value}}`)
    .join(", ");
const of = (text: string, numbers: Record<string, number>, more: Partial<Sample> = {}) =>
  single(unary(text, wide, { given: given(numbers), ...more }));

const HARD = { three: 3, zero: 0, six: 6, sixth: 1 / 6 };
const NORMAL = { root: Math.SQRT2, inverse: Math.SQRT1_2, one: 1, half: 0.5, third: 1 / 3 };
const TANH = {
  ...{ c: 0.044715, k: 0.7978846, kc: 0.0356774 },
  one: 1,
  half: 0.5,
  three: 3,
  two: 2,
};
const curved = "t = Tanh(w) g = Add(t, one)";

const mean = (name: string, of: string, axis = -1) =>
  `${name} = ReduceMean <axes = [${axis}]> (${of})`;
const root = `${mean("v", "q")} e = Add(v, eps) s = Sqrt(e)`;
const norm = (text: string) => of(text, { two: 2, one: 1, eps: 1e-2 }, { opset: 17 });

/** Activations and norms that are written out as several nodes and differentiated as one. */
export const gated: readonly Sample[] = [
  of("a = Add(x, three) c = Clip(a, zero, six) m = Mul(x, c) y = Div(m, six)", HARD),
  of("a = Add(three, x) c = Clip(a, zero, six) h = Div(c, six) y = Mul(x, h)", HARD),
  of("a = Add(x, three) c = Clip(a, zero, six) h = Mul(c, sixth) y = Mul(h, x)", HARD),
  of(
    "a = Add(x, three) c = Clip <min = 0.0, max = 6.0> (a) m = Mul(c, x) y = Mul(sixth, m)",
    HARD,
    {
      opset: 9,
    },
  ),
  ...at([9, 18], of("h = HardSigmoid <alpha = 0.16666667, beta = 0.5> (x) y = Mul(x, h)", {})),
  // Images.
  of(
    "h = HardSigmoid <alpha = 0.16666667, beta = 0.5> (x) y = Mul(x, h)",
    {},
    {
      inputs: { x: within(-5.2, 5.2, 2, 2, 2, 3) },
    },
  ),
  of("u = Div(x, root) e = Erf(u) t = Add(e, one) m = Mul(x, t) y = Mul(m, half)", NORMAL),
  of("s = Mul(x, half) u = Mul(inverse, x) e = Erf(u) t = Add(one, e) y = Mul(s, t)", NORMAL),
  of(
    `p = Pow(x, three) q = Mul(p, c) a = Add(x, q) w = Mul(a, k) ${curved} h = Mul(x, half) y = Mul(h, g)`,
    TANH,
  ),
  of(
    `r = Mul(x, x) q = Mul(r, kc) a = Add(k, q) w = Mul(x, a) ${curved} m = Mul(x, g) y = Div(m, two)`,
    TANH,
  ),
  // What x is, is arithmetic itself.
  of(
    `z = Mul(x, k) p = Mul(z, z) q = Mul(p, z) r = Mul(c, q) a = Add(z, r) w = Mul(k, a) ${curved} m = Mul(half, g) y = Mul(m, z)`,
    TANH,
  ),
  unary("s = Sigmoid(x) y = Mul(x, s)", within(-4, 4, 3, 4)),
  ...at([11, 17], norm(`${mean("m", "x")} d = Sub(x, m) q = Pow(d, two) ${root} y = Div(d, s)`)),
  norm(`q = Mul(x, x) ${root} r = Reciprocal(s) y = Mul(x, r)`),
  norm(`q = Pow(x, two) ${root} r = Div(one, s) y = Mul(r, x)`),
  // A difference is normalized, and not x.
  norm(`${mean("m", "x", 0)} d = Sub(x, m) q = Pow(d, two) ${root} y = Div(d, s)`),
  norm(`${mean("m", "x")} d = Sub(m, x) q = Pow(d, two) ${root} y = Div(d, s)`),
  // Attention: sums over rows come from what it gives, which is narrower than its weights.
  {
    text: "p = Softmax(x) m = MatMul(p, v) y = Mul(m, m)",
    inputs: { x: [2, 3, 5], v: [2, 5, 2] },
  },
  {
    text: "p = Softmax(x) m = MatMul(p, v) q = Neg(m) y = Add(m, q)",
    inputs: { x: [3, 5], v: [5, 2] },
  },
  // What x is, is a product itself.
  of("z = Mul(x, x) s = Sigmoid(z) y = Mul(z, s)", {}),
  // What it gives is a factor of more.
  of("s = Sigmoid(x) q = Mul(x, s) y = Mul(q, x)", {}),
  // Its gate is read elsewhere too.
  of("s = Sigmoid(x) m = Mul(x, s) y = Add(m, s)", {}),
];

/** What comes near them and is differentiated node by node. */
export const nearlyGated: readonly Sample[] = [
  of("a = Add(x, three) c = Clip(a, zero, six) m = Mul(x, c) y = Div(m, three)", HARD),
  of("a = Add(x, sixth) c = Clip(a, zero, six) m = Mul(x, c) y = Div(m, six)", HARD),
  of("a = Add(x, three) c = Clip(a, zero, three) m = Mul(x, c) y = Div(m, six)", HARD),
  of("a = Add(x, three) c = Clip(a, zero, six) m = Mul(a, c) y = Div(m, six)", HARD),
  of("h = HardSigmoid (x) y = Mul(x, h)", {}),
  ...["y = MatMul(v, p)", "m = MatMul(p, v) q = MatMul(p, v) y = Mul(m, q)"].map((text) => ({
    text: `p = Softmax(x) ${text}`,
    inputs: { x: [3, 3], v: [3, 3] },
  })),
  { text: "p = Softmax <axis = 0> (x) y = MatMul(p, v)", inputs: { x: [3, 5], v: [5, 2] } },
  { text: "p = Softmax(x) y = MatMul(p, v)", inputs: { x: [3, 5], v: [5, 2] }, opset: 12 },
  of("u = Mul(x, third) e = Erf(u) t = Add(e, one) m = Mul(x, t) y = Mul(m, half)", NORMAL),
  of("u = Div(x, root) e = Erf(u) t = Add(e, one) y = Mul(x, t)", NORMAL),
  of(
    "u = Div(x, root) e = Erf(u) t = Add(e, one) q = Mul(x, t) m = Mul(q, x) y = Mul(m, half)",
    NORMAL,
  ),
  of(`p = Mul(x, x) q = Mul(p, c) w = Sub(x, q) ${curved} h = Mul(x, half) y = Mul(h, g)`, TANH),
  of(
    `p = Pow(x, three) q = Mul(p, c) w = Sub(x, q) ${curved} h = Mul(x, half) y = Mul(h, g)`,
    TANH,
  ),
  of(
    `p = Pow(x, three) a = Add(x, p) w = Add(a, one) ${curved} h = Mul(x, half) y = Mul(h, g)`,
    TANH,
  ),
  of(`p = Pow(x, three) w = Add(x, p) ${curved} h = Mul(p, half) y = Mul(h, g)`, TANH),
  norm(`${mean("m", "x")} d = Sub(x, m) q = Pow(x, two) ${root} y = Div(d, s)`),
  norm(`q = Exp(x) ${root} y = Div(x, s)`),
  norm(`q = Pow(x, two) ${root} y = Div(one, s)`),
  of("n = Neg(x) s = Sigmoid(n) y = Mul(x, s)", {}),
];
