import { type Metric, meanTally } from "./metric.ts";

/** Measures the share of labels among the k likeliest classes; the first of equal ones wins. */
export const topK = (k: number): Metric => ({
  name: `top-${k}`,
  about: `share of labels among the ${k} likeliest classes`,
  better: "higher",
  kinds: ["classes"],
  needs: "places",
  tally: () => meanTally(({ places }, at) => (places![at] < k ? 1 : 0)),
});
