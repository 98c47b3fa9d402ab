import { type Metric, meanTally } from "./metric.ts";

/** The mean absolute error. */
export const mae: Metric = {
  name: "mae",
  about: "mean absolute error",
  better: "lower",
  kinds: ["values"],
  tally: () =>
    meanTally(({ predicted, actual }, visit) => {
      for (let k = 0; k < actual.length; k++)
        if (!Number.isNaN(actual[k])) visit(Math.abs(predicted[k] - actual[k]));
    }),
};
