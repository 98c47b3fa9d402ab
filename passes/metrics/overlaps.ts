import { type ClassCount, countTally, macro } from "./class-counts.ts";
import type { Metric } from "./metric.ts";

const f1 = ({ right, given, missed }: ClassCount) =>
  [2 * right, 2 * right + given + missed] as const;

/** The mean over all classes, or labels, of the harmonic mean of precision and recall. */
export const f1Macro: Metric = {
  name: "f1-macro",
  about: "F1, the mean over all classes or labels",
  better: "higher",
  kinds: ["classes", "yes-no"],
  tally: () => countTally((counts) => macro(counts, f1)),
};

/** The harmonic mean of precision and recall of all positions together. */
export const f1Micro: Metric = {
  name: "f1-micro",
  about: "F1 of all positions together",
  better: "higher",
  kinds: ["classes", "yes-no"],
  tally: () =>
    countTally((counts) => {
      const sums = { right: 0, given: 0, missed: 0 };
      for (const { right, given, missed } of counts) {
        sums.right += right;
        sums.given += given;
        sums.missed += missed;
      }
      return macro([sums], f1);
    }),
};

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
