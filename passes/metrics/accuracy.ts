import { type Metric, meanTally } from "./metric.ts";

/** The share of positions that are right. */
export const accuracy: Metric = {
  name: "accuracy",
  about: "share of positions that are right",
  better: "higher",
  kinds: ["classes", "yes-no"],
  tally: () => meanTally(({ predicted, actual }, k) => (predicted[k] === actual[k] ? 1 : 0)),
};
