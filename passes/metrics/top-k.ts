import { type Metric, meanTally } from "./metric.ts";

/** The share of labels among the k likeliest classes; of equal ones, the first is likelier. */
export const topK = (k: number): Metric => ({
  name: `top-${k}`,
  about: `share of labels among the ${k} likeliest classes`,
  better: "higher",
  kinds: ["classes"],
  needs: "places",
  tally: () => meanTally(({ places }, at) => (places![at] < k ? 1 : 0)),
});
