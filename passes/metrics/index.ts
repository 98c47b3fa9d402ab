import { InputError } from "../../src/errors.ts";
import { suggestion } from "../../src/nearest.ts";
import { cer } from "./cer.ts";
import { accuracy, mae, perplexity, topK } from "./means.ts";
import type { Metric } from "./metric.ts";
import { f1Macro, f1Micro, iou } from "./overlaps.ts";
import { r2 } from "./r2.ts";

/** Every metric, in the order of listings; top-5 stands for top-1, top-2, …. */
export const metrics: readonly Metric[] = [
  accuracy,
  topK(5),
  f1Macro,
  f1Micro,
  iou,
  perplexity,
  mae,
  r2,
  cer,
];

const TOP = /^top-?([1-9]\d*)$/;

/** Returns a metric by its name. Throws an InputError if there is none. */
export function metricNamed(given: string): Metric {
  const name = given.trim().toLowerCase().replaceAll("_", "-").replace("²", "2");
  const top = TOP.exec(name);
  if (top) return topK(Number(top[1]));
  const metric = metrics.find((candidate) => candidate.name === name);
  if (metric) return metric;
  const names = metrics.map((metric) => metric.name);
  const choices = `choose ${names.join(", ")}`;
  throw new InputError(`there is no metric "${given}"; ${suggestion(name, names, choices)}`);
}

/** Figures of losses that are not metrics of the registry, of which more is better. */
const HIGHER: ReadonlySet<string> = new Set(["agreement", "cosine"]);

/** Whether more or less of a figure is better; null if that is not known. */
export function betterOf(figure: string): Metric["better"] | null {
  const name = figure.slice(figure.lastIndexOf(".") + 1);
  if (name === "loss") return "lower";
  if (HIGHER.has(name)) return "higher";
  const metric = metrics.find((candidate) => candidate.name === name);
  return metric?.better ?? (TOP.test(name) ? "higher" : null);
}
