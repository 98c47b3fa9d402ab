/** What a model comes to on batches that it is not trained on. */
export interface Evaluation {
  readonly rows: number;
  /** How much was judged: labels that count, or elements. */
  readonly judged: number;
  /** A mean over what was judged; NaN where that is nothing. */
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
}

/** The means of several batches as means over everything that was judged in them. */
export function together(parts: readonly Evaluation[]): Evaluation {
  const judged = sum(parts.map((part) => part.judged));
  const mean = (of: (part: Evaluation) => number) =>
    sum(parts.map((part) => part.judged && part.judged * of(part))) / judged;
  const names = Object.keys(parts[0]?.metrics ?? {});
  return {
    rows: sum(parts.map(({ rows }) => rows)),
    judged,
    loss: mean(({ loss }) => loss),
    metrics: Object.fromEntries(names.map((name) => [name, mean(({ metrics }) => metrics[name])])),
  };
}

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
