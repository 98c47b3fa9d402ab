import { InputError } from "../../src/errors.ts";
import type { Tensors } from "../../src/ort/session.ts";
import { Confusion } from "../metrics/confusion.ts";
import { metricNamed } from "../metrics/index.ts";
import type { Metric, MetricKind, Need, Observed, Tally } from "../metrics/metric.ts";
import type { Observation } from "../metrics/observe.ts";
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
export class Measures {
  readonly #chosen: readonly Metric[];

  /** Throws an InputError if there is no metric of a name. */
  constructor(names: readonly string[] = []) {
    this.#chosen = names.map(metricNamed);
  }

  /** What is written into the graph for them. */
  get needs(): ReadonlySet<Need> {
    return new Set(this.#chosen.flatMap(({ needs }) => needs ?? []));
  }

  /** Throws an InputError if no loss has what a metric compares. */
  check(terms: Terms): void {
    for (const metric of this.#chosen)
      if (!terms.some(({ observed }) => observed && takes(metric, observed)))
        throw new InputError(
          `metric ${metric.name} compares ${metric.kinds.join(" or ")}, and ${terms.map(({ label, observed }) => `${label} gives ${observed?.kind ?? "none"}`).join(", ")}.`,
        );
  }

  /** Begins to add up. */
  begin(terms: Terms): Tallies {
    return new Tallies(
      terms.map(({ observed, reading }) => {
        if (!observed) return null;
        const more = reading.isNextToken && observed.surprise ? ["perplexity"] : [];
        const defaults = [...DEFAULTS[observed.kind], ...more].map(metricNamed);
        const metrics = [...this.#chosen.filter((metric) => takes(metric, observed)), ...defaults];
        const tallies = new Map(metrics.map((metric) => [metric.name, metric.tally()]));
        return { observed, tallies, confusion: new Confusion() };
      }),
    );
  }
}

const takes = ({ kinds, needs }: Metric, { kind, places, surprise }: Observation) =>
  kinds.includes(kind) &&
  (needs === undefined || (needs === "places" ? places : surprise) !== null);

/** What is added up for a loss. */
interface Tallied {
  readonly observed: Observation;
  readonly tallies: ReadonlyMap<string, Tally>;
  readonly confusion: Confusion;
}

/** Metrics of one evaluation, added up over its batches. */
export class Tallies {
  readonly #terms: readonly (Tallied | null)[];

  constructor(terms: readonly (Tallied | null)[]) {
    this.#terms = terms;
  }

  /** Adds a batch, by the names that its own graph gives what is observed. */
  add(terms: Terms, outputs: Tensors): void {
    for (const [k, tallied] of this.#terms.entries()) {
      const { observed } = terms[k];
      if (!tallied || !observed) continue;
      const seen = seenIn(observed, outputs);
      for (const tally of tallied.tallies.values()) tally.add(seen);
      tallied.confusion.add(seen);
    }
  }

  /** The metrics of each loss. */
  get metrics(): Record<string, number>[] {
    return this.#terms.map((tallied) =>
      Object.fromEntries(
        [...(tallied?.tallies ?? [])].map(([name, tally]) => [name, tally.value()]),
      ),
    );
  }

  /** The confusion matrices by their outputs; null if there is none. */
  confusion(terms: Terms): Readonly<Record<string, readonly (readonly number[])[]>> | null {
    const matrices = this.#terms.flatMap((tallied, k) => {
      const matrix = tallied?.confusion.matrix;
      return matrix ? [[terms[k].label, matrix] as const] : [];
    });
    return matrices.length > 0 ? Object.fromEntries(matrices) : null;
  }
}

function seenIn(
  { kind, dims, classes, blank, predicted, actual, places, surprise }: Observation,
  outputs: Tensors,
): Observed {
  const data = (name: string) => outputs[name].data as ArrayLike<number>;
  return {
    ...{ kind, dims, classes, blank },
    predicted: data(predicted),
    actual: data(actual),
    places: places === null ? null : data(places),
    surprise: surprise === null ? null : data(surprise),
  };
}
