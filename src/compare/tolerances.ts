import type { Options } from "../options.ts";

/** Declarations of the options for how much outputs may differ, like those of NumPy's allclose. */
export const tolerances = {
  atol: {
    type: "number",
    range: { min: 0 },
    describe:
      "absolute tolerance of the outputs: a and b pass if |b - a| ≤ atol + rtol·|a| for each element  [default: bit-equal; when optimized, the model's own noise]",
  },
  rtol: {
    type: "number",
    range: { min: 0 },
    describe: "relative tolerance of the outputs; see --atol",
  },
} as const satisfies Options;
