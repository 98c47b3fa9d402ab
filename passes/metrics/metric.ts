/** What a metric compares: a class, a yes or no, or a value at each position; or sequences of labels. */
export type MetricKind = "classes" | "yes-no" | "values" | "sequences";

/** Outputs and targets of one batch, position by position. */
export interface Observed {
  readonly kind: MetricKind;
  /** Shape of the positions; of sequences, rows and the longest target. */
  readonly dims: readonly number[];
  /** Classes or values; of sequences, the likeliest class at each step of each row. */
  readonly predicted: ArrayLike<number>;
  /** Classes, -1 where none counts; values, NaN where none counts. */
  readonly actual: ArrayLike<number>;
  /** How many classes are likelier than the label. */
  readonly places: ArrayLike<number> | null;
  /** −ln p of the label. */
  readonly surprise: ArrayLike<number> | null;
  /** Number of classes; of yes or no, axis of the labels. */
  readonly classes: number;
  /** Class of the blank in sequences. */
  readonly blank: number | null;
}

/** What is written into the graph for a metric, beside predictions and targets. */
export type Need = "places" | "surprise";

/** Adds up what a metric needs over all batches. */
export interface Tally {
  add(observed: Observed): void;
  /** The metric of all batches together; NaN if nothing counts. */
  value(): number;
}

/** A metric of an evaluation. */
export interface Metric {
  readonly name: string;
  readonly about: string;
  readonly better: "higher" | "lower";
  readonly kinds: readonly MetricKind[];
  readonly needs?: Need;
  /** Starts a count over the batches of an evaluation. */
  tally(): Tally;
}

/** Returns a metric that is the mean of a number at each position that counts. */
export function meanTally(
  at: (observed: Observed, position: number) => number,
  of = (mean: number) => mean,
): Tally {
  let [sum, count] = [0, 0];
  return {
    add(observed) {
      const { kind, actual } = observed;
      for (let k = 0; k < actual.length; k++) {
        if (kind === "values" ? Number.isNaN(actual[k]) : actual[k] < 0) continue;
        sum += at(observed, k);
        count++;
      }
    },
    value: () => of(sum / count),
  };
}
