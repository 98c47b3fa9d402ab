import type { Observed } from "./metric.ts";

/** Classes up to which a confusion matrix is kept. */
const MOST = 128;

/** Counts how often each class, by rows, is taken for each, by columns; null for too many classes. */
export function confusionTally() {
  let matrix: number[][] | null = null;
  return {
    add({ kind, classes, predicted, actual }: Observed): void {
      if (kind !== "classes" || classes > MOST) return;
      matrix ??= Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
      for (let k = 0; k < actual.length; k++) if (actual[k] >= 0) matrix[actual[k]][predicted[k]]++;
    },
    matrix: (): readonly (readonly number[])[] | null => matrix,
  };
}
