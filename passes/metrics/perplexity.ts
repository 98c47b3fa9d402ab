import { type Metric, meanTally } from "./metric.ts";

/** The exponential of the mean −ln p of the labels. */
export const perplexity: Metric = {
  name: "perplexity",
  about: "exponential of the mean -ln p of the labels",
  better: "lower",
  kinds: ["classes"],
  needs: "surprise",
  tally: () => meanTally(({ surprise }, k) => surprise![k], Math.exp),
};
