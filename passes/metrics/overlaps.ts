import { elements } from "../../src/onnx/dtypes.ts";
import type { Metric, Observed, Tally } from "./metric.ts";

interface ClassCount {
  right: number;
  given: number;
  missed: number;
}

/** A metric that is computed from counts of each class, or of each yes/no label. */
const ofCounts = (
  name: string,
  about: string,
  of: (counts: readonly ClassCount[]) => number,
): Metric => ({
  ...{ name, about, better: "higher", kinds: ["classes", "yes-no"] },
  tally: () => countTally(of),
});

function countTally(of: (counts: readonly ClassCount[]) => number): Tally {
  const counts: ClassCount[] = [];
  let isLabels = false;
  const at = (index: number) => {
    counts[index] ??= { right: 0, given: 0, missed: 0 };
    return counts[index];
  };
  return {
    add(observed) {
      isLabels = observed.kind === "yes-no";
      if (isLabels) addLabels(observed, at);
      else addClasses(observed, at);
    },
    // Of classes, those that neither occur nor are given do not count, as in scikit-learn.
    value: () =>
      of(
        [...counts]
          .map((count) => count ?? { right: 0, given: 0, missed: 0 })
          .filter(({ right, given, missed }) => isLabels || right + given + missed > 0),
      ),
  };
}

type At = (index: number) => ClassCount;

function addClasses({ predicted, actual }: Observed, at: At): void {
  for (let k = 0; k < actual.length; k++) {
    if (actual[k] < 0) continue;
    if (predicted[k] === actual[k]) at(actual[k]).right++;
    else {
      at(predicted[k]).given++;
      at(actual[k]).missed++;
    }
  }
}

function addLabels({ predicted, actual, dims, classes: axis }: Observed, at: At): void {
  const inner = elements(dims.slice(axis + 1));
  const labels = dims[axis] ?? 1;
  for (let label = 0; label < labels; label++) at(label);
  for (let k = 0; k < actual.length; k++) {
    if (actual[k] < 0) continue;
    const count = at(Math.floor(k / inner) % labels);
    if (predicted[k] === 1 && actual[k] === 1) count.right++;
    else if (predicted[k] === 1) count.given++;
    else if (actual[k] === 1) count.missed++;
  }
}

/** Returns the mean over all classes, or labels; a ratio without a denominator is 0. */
export const macro = (
  counts: readonly ClassCount[],
  ratio: (count: ClassCount) => readonly [part: number, whole: number],
): number => {
  const ratios = counts.map((count) => {
    const [part, whole] = ratio(count);
    return whole === 0 ? 0 : part / whole;
  });
  return ratios.reduce((a, b) => a + b, 0) / ratios.length;
};

const f1 = ({ right, given, missed }: ClassCount) =>
  [2 * right, 2 * right + given + missed] as const;

/** The mean over all classes, or labels, of the harmonic mean of precision and recall. */
export const f1Macro = ofCounts("f1-macro", "F1, the mean over all classes or labels", (counts) =>
  macro(counts, f1),
);

/** The harmonic mean of precision and recall of all positions together. */
export const f1Micro = ofCounts("f1-micro", "F1 of all positions together", (counts) => {
  const sum = (of: keyof ClassCount) => counts.reduce((all, count) => all + count[of], 0);
  return macro([{ right: sum("right"), given: sum("given"), missed: sum("missed") }], f1);
});

/** Intersection over union, the mean over all classes, or labels. */
export const iou = ofCounts(
  "iou",
  "intersection over union, the mean over all classes or labels",
  (counts) => macro(counts, ({ right, given, missed }) => [right, right + given + missed]),
);
