import { elements } from "../../src/onnx/dtypes.ts";
import type { Options } from "../../src/options.ts";
import { type PartValues, type SiteDescription, variant } from "./variant.ts";

const options = {
  normalize: {
    type: "string",
    choices: ["softmax", "sigmoid", "none"],
    default: "softmax",
    describe: "function that keeps α and β of rw bounded; none leaves them free",
  },
  perChannel: {
    type: "boolean",
    default: false,
    describe: "use one α and β for each feature, not for each site",
  },
} as const satisfies Options;

/**
 * LAuReL-RW, equation 2: y = α f + β x. Two learned scalars per site, or two per feature, bounded
 * by a map that gives exactly (1, 1) at the start: softmax (α, β) = 2·softmax(w), w = 0; sigmoid α
 * = 2σ(p), β = 2 − α, p = 0; none, α = β = 1.
 */
export const rw = variant({
  name: "rw",
  options,
  parameters: (place, options) => {
    const dims = shapeOf(place, options);
    const start = (dims: readonly number[], value: number) => ({
      dims,
      start: new Float64Array(elements(dims)).fill(value),
    });
    if (options.normalize === "softmax") return { w: start([...dims, 2], 0) };
    if (options.normalize === "sigmoid") return { p: start(dims, 0) };
    return { alpha: start(dims, 1), beta: start(dims, 1) };
  },
  factors: ({ op, parameters: { w, p, alpha, beta }, place, options, constant }) => {
    if (options.normalize === "none") return { alpha, beta };
    if (options.normalize === "sigmoid") {
      const alpha = op.Mul(op.Sigmoid(p), constant(2));
      return { alpha, beta: op.Sub(constant(2), alpha) };
    }
    const axis = shapeOf(place, options).length;
    const both = op.Mul(op.Softmax(w, { axis }), constant(2));
    const part = (index: number) => op.Gather(both, constant(index, "int64"), { axis });
    return { alpha: part(0), beta: part(1) };
  },
  factorsFormula: ({ parameters: { w, p, alpha, beta }, options: { normalize } }) => {
    if (normalize === "none") return { alpha, beta };
    if (normalize === "sigmoid") {
      const alpha = p.map((value) => 2 / (1 + Math.exp(-value)));
      return { alpha, beta: alpha.map((value) => 2 - value) };
    }
    const share = (index: number) =>
      Float64Array.from({ length: w.length / 2 }, (_, k) => {
        const [a, b] = [Math.exp(w[2 * k]), Math.exp(w[2 * k + 1])];
        return (2 * (index === 0 ? a : b)) / (a + b);
      });
    return { alpha: share(0), beta: share(1) };
  },
});

/** Returns a factor's shape over the stream: a scalar, or the features on their axis. */
const shapeOf = (
  { feature, rank }: SiteDescription,
  { perChannel }: PartValues<typeof options>,
): number[] => (perChannel ? [feature.size, ...new Array(rank - 1 - feature.axis).fill(1)] : []);
