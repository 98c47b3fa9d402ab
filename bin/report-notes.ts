import colors from "picocolors";
import type { Check, Proof } from "../src/index.ts";
import type { Crash } from "./supervise.ts";
import { counted } from "./text.ts";

/** A check that was made, with its figures. */
export type Made = Exclude<Check, { outcome: "not run" }>;

/** What a line of the report begins with, by the outcome of its check. */
export const marks = { passed: " ", failed: colors.red("✗"), "not run": colors.yellow("?") };

/** Says that a seeded sample of sites stood for all. */
export const sampleLines = (sample: Proof["sample"]): string[] =>
  sample
    ? [
        `  ${"sample".padEnd(22)}"right formula" and "it can learn" checked ${sample.sites} of ${counted(sample.of, "site")}, drawn with seed ${sample.seed} (--all-sites checks each)`,
      ]
    : [];

/** Lines for what is not finite in the original already. */
export function notFinite(check: Made): string[] {
  if (check.name === "same function")
    return check.outputs
      .filter((output) => output.notFinite > 0)
      .map(
        ({ output, notFinite }) =>
          `      output ${output} is not finite in the original: ${counted(notFinite, "number")} NaN or infinite`,
      );
  if (check.name !== "it can learn" || check.notFinite.length === 0) return [];
  const { length } = check.notFinite;
  return [
    `      ${counted(length, "site")} left out, whose sum is not finite in the original: ${check.notFinite.slice(0, 5).join(", ")}${length > 5 ? ", …" : ""}`,
  ];
}

/** A line for each crash of onnxruntime. */
export const crashLines = (crashes: readonly Crash[]): string[] =>
  crashes.map(
    ({ signal, model, level, step }) =>
      `${marks["not run"]} ${"crashed".padEnd(22)}onnxruntime crashed (${signal}) on ${model}, optimisation level "${level}", during "${step}"; all of this was run at lower levels`,
  );
