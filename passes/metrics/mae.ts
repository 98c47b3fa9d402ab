import { type Metric, meanTally } from "./metric.ts";

/** The mean absolute error. */
export const mae: Metric = {
  name: "mae",
  about: "mean absolute error",
  better: "lower",
  kinds: ["values"],
  tally: () => meanTally(({ predicted, actual }, k) => Math.abs(predicted[k] - actual[k])),
};
