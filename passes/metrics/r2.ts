import type { Metric, Observed, Tally } from "./metric.ts";

/** Squared errors of a column, and the spread of its targets around their running mean. */
interface Column {
  count: number;
  mean: number;
  spread: number;
  errors: number;
}

/** The mean over the columns of 1 − Σ (y − t)² / Σ (t − mean t)²; more than two axes are one column. */
function tally(): Tally {
  const columns: Column[] = [];
  return {
    add({ predicted, actual, dims }: Observed) {
      const width = dims.length === 2 ? dims[1] : 1;
      for (let k = 0; k < actual.length; k++) {
        const t = actual[k];
        if (Number.isNaN(t)) continue;
        columns[k % width] ??= { count: 0, mean: 0, spread: 0, errors: 0 };
        const column = columns[k % width];
        // Welford's update, because large targets would cancel.
        const before = t - column.mean;
        column.count++;
        column.mean += before / column.count;
        column.spread += before * (t - column.mean);
        column.errors += (predicted[k] - t) ** 2;
      }
    },
    value() {
      const ratios = columns.map(({ errors, spread }) => ratio(errors, spread));
      return ratios.reduce((a, b) => a + b, 0) / ratios.length;
    },
  };
}

/** As scikit-learn: 1 if there is no error, 0 if there is one and no spread. */
const ratio = (errors: number, spread: number) =>
  spread > 0 ? 1 - errors / spread : errors === 0 ? 1 : 0;

export const r2: Metric = {
  name: "r2",
  about: "coefficient of determination, the mean over the columns",
  better: "higher",
  kinds: ["values"],
  tally,
};
