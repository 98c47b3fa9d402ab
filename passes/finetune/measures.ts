import { InputError } from "../../src/errors.ts";
import type { Tensors } from "../../src/ort/session.ts";
import { metricNamed } from "../metrics/index.ts";
import type { Metric, MetricKind, Need, Observed } from "../metrics/metric.ts";
import type { Observation } from "../metrics/observe.ts";
import type { Evaluation } from "./evaluation.ts";
import type { AttachedTerm } from "./model-with-loss.ts";

/** Metrics that are reported by default. */
const DEFAULTS: Readonly<Record<MetricKind, readonly string[]>> = {
  classes: ["accuracy"],
  "yes-no": ["accuracy"],
  values: [],
  sequences: ["cer"],
};

type Terms = readonly Pick<AttachedTerm, "label" | "observed" | "reading">[];

/** The metrics of a training's evaluations. */
export type Measures = ReturnType<typeof measuresOf>;

/** Returns metrics by their names. Throws an InputError if there is none of a name. */
export function measuresOf(names: readonly string[] = []) {
  const chosen = names.map(metricNamed);
  return {
    /** What is written into the graph for them. */
    needs: new Set(chosen.flatMap(({ needs }) => needs ?? [])) as ReadonlySet<Need>,
    /** Throws an InputError if no loss has what a metric compares. */
    check(terms: Terms): void {
      for (const metric of chosen)
        if (!terms.some(({ observed }) => observed && takes(metric, observed)))
          throw new InputError(
            `metric ${metric.name} compares ${metric.kinds.join(" or ")}, and ${terms.map(({ label, observed }) => `${label} gives ${observed?.kind ?? "none"}`).join(", ")}.`,
          );
    },
    /** Begins to add up the metrics of one evaluation. */
    begin: (terms: Terms) => tallied(terms.map((term) => tallyOf(term, chosen))),
  };
}

/** What is added up for a loss; null if nothing is observed of it. */
function tallyOf({ observed, reading }: Terms[number], chosen: readonly Metric[]) {
  if (!observed) return null;
  const more = reading.isNextToken && observed.surprise ? ["perplexity"] : [];
  const defaults = [...DEFAULTS[observed.kind], ...more].map(metricNamed);
  const metrics = [...chosen.filter((metric) => takes(metric, observed)), ...defaults];
  const tallies = new Map(metrics.map((metric) => [metric.name, metric.tally()]));
  return { tallies, confusion: confusionTally() };
}

const takes = ({ kinds, needs }: Metric, { kind, places, surprise }: Observation) =>
  kinds.includes(kind) &&
  (needs === undefined || (needs === "places" ? places : surprise) !== null);

const tallied = (added: readonly ReturnType<typeof tallyOf>[]) => ({
  /** Adds a batch, by the names that its own graph gives what is observed. */
  add(terms: Terms, outputs: Tensors): void {
    for (const [k, term] of added.entries()) {
      const { observed } = terms[k];
      if (!term || !observed) continue;
      const seen = seenIn(observed, outputs);
      for (const tally of term.tallies.values()) tally.add(seen);
      term.confusion.add(seen);
    }
  },
  metrics: (): Record<string, number>[] =>
    added.map((term) =>
      Object.fromEntries([...(term?.tallies ?? [])].map(([name, tally]) => [name, tally.value()])),
    ),
  /** The confusion matrices by their outputs; null if there is none. */
  confusion(terms: Terms): NonNullable<Evaluation["confusion"]> | null {
    const matrices = added.flatMap((term, k) => {
      const matrix = term?.confusion.matrix();
      return matrix ? [[terms[k].label, matrix] as const] : [];
    });
    return matrices.length > 0 ? Object.fromEntries(matrices) : null;
  },
});

function seenIn(observed: Observation, outputs: Tensors): Observed {
  const { kind, dims, classes, blank, predicted, actual, places, surprise } = observed;
  const data = (name: string) => outputs[name].data as ArrayLike<number>;
  return {
    ...{ kind, dims, classes, blank },
    ...{ predicted: data(predicted), actual: data(actual) },
    places: places === null ? null : data(places),
    surprise: surprise === null ? null : data(surprise),
  };
}

/** Classes up to which a confusion matrix is kept. */
const MOST = 128;

/** Counts how often each class, by rows, is taken for each, by columns; null for too many classes. */
function confusionTally() {
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
