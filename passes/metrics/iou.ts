import { countTally, macro } from "./class-counts.ts";
import type { Metric } from "./metric.ts";

/** Intersection over union, the mean over all classes, or labels. */
export const iou: Metric = {
  name: "iou",
  about: "intersection over union, the mean over all classes or labels",
  better: "higher",
  kinds: ["classes", "yes-no"],
  tally: () =>
    countTally((counts) =>
      macro(counts, ({ right, given, missed }) => [right, right + given + missed]),
    ),
};
