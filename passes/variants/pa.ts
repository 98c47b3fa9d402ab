import { type GivenOptions, type Options, positiveInteger } from "../../src/options.ts";
import { lowRank, lowRankFormula, lowRankOptions, lowRankParameters } from "./low-rank.ts";
import { scaled } from "./scaled.ts";
import { type Parameter, type PartValues, type SiteDescription, variant } from "./variant.ts";

const withoutMap = ({ paMap, variant }: GivenOptions) =>
  paMap === "low-rank" || `${variant}`.split("+").includes("lr")
    ? null
    : "PA's map is the identity";

const options = {
  lags: {
    ...positiveInteger,
    default: 3,
    describe: "number of skips that pa adds up, including the site's own",
  },
  shareLags: {
    type: "boolean",
    default: false,
    describe: "use one pair A, B for all lags of a site (pa with low-rank maps)",
    idle: withoutMap,
  },
  paMap: {
    type: "string",
    choices: ["low-rank", "identity"],
    describe: "map that pa applies to each skip  [default: low-rank with lr, otherwise identity]",
  },
  rank: { ...lowRankOptions.rank, idle: withoutMap },
  init: { ...lowRankOptions.init, idle: withoutMap },
} as const satisfies Options;

type PaValues = PartValues<typeof options>;

/**
 * LAuReL-PA, equation 4: y = f + x + Σ_j γ_j h(x_{i-j}) over the skip operands of this site and of
 * up to k − 1 earlier ones of its stream. If h is the identity, γ starts at 0: k parameters. If h
 * is low-rank (equation 6, in which the lag j = 0 is LR), γ starts at 1 and B at 0: k(2rD + 1)
 * parameters, or 2rD + k if the lags share one pair.
 */
export const pa = variant({
  name: "pa",
  options,
  lagged: true,
  parameters: (place, options) => {
    const { lags } = place;
    const identity = options.paMap === "identity";
    const gamma = { dims: [lags], start: new Float64Array(lags).fill(identity ? 0 : 1) };
    if (identity) return { gamma };
    const pairs: Record<string, Parameter> = {};
    for (const suffix of suffixes(place, options)) {
      const { A, B } = lowRankParameters(place, options, suffix);
      pairs[`A${suffix}`] = A;
      pairs[`B${suffix}`] = B;
    }
    return { gamma, ...pairs };
  },
  addends: (builder, x) => {
    const { op, parameters, place, options, constant } = builder;
    const gamma = (lag: number) => op.Gather(parameters.gamma, constant(lag, "int64"), { axis: 0 });
    if (options.paMap === "identity")
      return x.map((value, lag) => scaled(builder, value, gamma(lag)));
    const terms = x.map((value, lag) => {
      const { A, B } = pairOf(parameters, lag, options);
      return { x: value, A: op.Mul(A, gamma(lag)), B };
    });
    return [lowRank(op, terms, place)];
  },
  addendFormula: (stating, x) => {
    const { parameters, options, magnitude } = stating;
    const sum = new Float64Array(x[0].data.length);
    for (const [lag, folded] of x.entries()) {
      const gamma = magnitude ? Math.abs(parameters.gamma[lag]) : parameters.gamma[lag];
      const mapped =
        options.paMap === "identity"
          ? folded.data.map(magnitude ? Math.abs : (value) => value)
          : lowRankFormula({ ...stating, parameters: pairOf(parameters, lag, options) }, folded);
      for (let k = 0; k < sum.length; k++) sum[k] += gamma * mapped[k];
    }
    return sum;
  },
});

/** Returns the suffixes of a site's pairs: the lags, or nothing if there is only one. */
const suffixes = ({ lags }: SiteDescription, { shareLags }: PaValues): (string | number)[] =>
  shareLags ? [""] : Array.from({ length: lags }, (_, lag) => lag);

function pairOf<V>(parameters: Readonly<Record<string, V>>, lag: number, { shareLags }: PaValues) {
  const suffix = shareLags ? "" : lag;
  return { A: parameters[`A${suffix}`], B: parameters[`B${suffix}`] };
}
