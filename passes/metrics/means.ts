import { type Metric, meanTally } from "./metric.ts";

/** The share of positions that are right. */
export const accuracy: Metric = {
  name: "accuracy",
  about: "share of positions that are right",
  better: "higher",
  kinds: ["classes", "yes-no"],
  tally: () => meanTally(({ predicted, actual }, k) => (predicted[k] === actual[k] ? 1 : 0)),
};

/** Measures the share of labels among the k likeliest classes; the first of equal ones wins. */
export const topK = (k: number): Metric => ({
  name: `top-${k}`,
  about: `share of labels among the ${k} likeliest classes`,
  better: "higher",
  kinds: ["classes"],
  needs: "places",
  tally: () => meanTally(({ places }, at) => (places![at] < k ? 1 : 0)),
});

/** The exponential of the mean −ln p of the labels. */
export const perplexity: Metric = {
  name: "perplexity",
  about: "exponential of the mean -ln p of the labels",
  better: "lower",
  kinds: ["classes"],
  needs: "surprise",
  tally: () => meanTally(({ surprise }, k) => surprise![k], Math.exp),
};

/** The mean absolute error. */
export const mae: Metric = {
  name: "mae",
  about: "mean absolute error",
  better: "lower",
  kinds: ["values"],
  tally: () => meanTally(({ predicted, actual }, k) => Math.abs(predicted[k] - actual[k])),
};
