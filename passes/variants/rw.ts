import type { Variant } from "./variant.ts";

/**
 * LAuReL-RW, equation 2: y = α f + β x. Two learned scalars a site, kept bounded by a map that
 * gives exactly (1, 1) at the start: softmax (α, β) = 2·softmax(w), w = 0; sigmoid α = 2σ(p),
 * β = 2 − α, p = 0; none, α = β = 1.
 */
export const rw: Variant = {
  name: "rw",
  about: "learned weights on branch and skip",
  parameters: (_, { normalize }) => {
    if (normalize === "softmax") return { w: { dims: [2], start: [0, 0] } };
    if (normalize === "sigmoid") return { p: { dims: [], start: [0] } };
    return { alpha: { dims: [], start: [1] }, beta: { dims: [], start: [1] } };
  },
  factors: (op, { w, p, alpha, beta }, { normalize }, constant) => {
    if (normalize === "none") return { alpha, beta };
    if (normalize === "sigmoid") {
      const alpha = op.Mul(op.Sigmoid(p), constant(2));
      return { alpha, beta: op.Sub(constant(2), alpha) };
    }
    const both = op.Mul(op.Softmax(w, { axis: 0 }), constant(2));
    const part = (index: number) => op.Gather(both, constant(index, "int64"), { axis: 0 });
    return { alpha: part(0), beta: part(1) };
  },
  factorsFormula: ({ w, p, alpha, beta }, { normalize }) => {
    if (normalize === "none") return { alpha: alpha[0], beta: beta[0] };
    if (normalize === "sigmoid") {
      const a = 2 / (1 + Math.exp(-p[0]));
      return { alpha: a, beta: 2 - a };
    }
    const [ea, eb] = [Math.exp(w[0]), Math.exp(w[1])];
    return { alpha: (2 * ea) / (ea + eb), beta: (2 * eb) / (ea + eb) };
  },
};
