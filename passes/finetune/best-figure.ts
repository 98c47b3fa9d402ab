import { InputError } from "../../src/errors.ts";
import { betterOf, metricNamed } from "../metrics/index.ts";
import type { Evaluation } from "./evaluation.ts";
import type { Best, Epoch } from "./history.ts";

/** The figure of an evaluation that chooses the best epoch. */
interface BestFigure {
  readonly name: string;
  readonly better: "higher" | "lower";
}

/** The metric that chooses by default. */
export const LOSS: BestFigure = { name: "loss", better: "lower" };

/** Returns the registry's name of the metric of an option; null if it is another figure. */
export function metricOfBest(best: string): string | null {
  if (best === LOSS.name || best.includes(".")) return null;
  return metricNamed(best).name;
}

/**
 * Finds the figure that an option names among those of an evaluation. Throws an InputError if there
 * is none, if there are several, or if it is not known whether more of it is better.
 */
export function bestFigure(given: string, evaluation: Evaluation | null): BestFigure {
  if (given === LOSS.name) return LOSS;
  const names = Object.keys(evaluation?.metrics ?? {});
  const wanted = metricOfBest(given) ?? given;
  const fitting = names.includes(wanted)
    ? [wanted]
    : names.filter((name) => name.endsWith(`.${wanted}`));
  const [name] = fitting;
  if (fitting.length !== 1)
    throw new InputError(
      `--best ${given} names ${fitting.length === 0 ? "no figure" : "several figures"} of the evaluation; it has loss, ${names.join(", ")}.`,
    );
  const better = betterOf(name);
  if (better === null)
    throw new InputError(
      `--best ${given}: it is unknown whether more is better; choose loss or a metric.`,
    );
  return { name, better };
}

/** Returns the number of an epoch that chooses. */
export const figureOf = ({ name }: BestFigure, { eval: held, train }: Epoch): number =>
  name === LOSS.name ? (held ?? train).loss : (held?.metrics[name] ?? Number.NaN);

/** Whether a number is better than that of the best epoch so far. */
export function isBetter({ better }: BestFigure, value: number, best: Best | null): boolean {
  if (Number.isNaN(value)) return false;
  const known =
    best?.value ?? (better === "lower" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY);
  return better === "lower" ? value < known : value > known;
}
