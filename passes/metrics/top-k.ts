import { type Metric, meanTally } from "./metric.ts";

/** The share of labels among the k likeliest classes; of equal ones, the first is likelier. */
export const topK = (k: number): Metric => ({
  name: `top-${k}`,
  about: `share of labels among the ${k} likeliest classes`,
  better: "higher",
  kinds: ["classes"],
  needs: "places",
  tally: () =>
    meanTally(({ places, actual }, visit) => {
      for (let at = 0; at < actual.length; at++)
        if (actual[at] >= 0) visit(places![at] < k ? 1 : 0);
    }),
});
