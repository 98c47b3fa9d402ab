import type { Proof } from "../src/index.ts";
import { sampleText } from "./check-lines.ts";
import { colors } from "./colors.ts";
import type { Crash } from "./supervise.ts";

/** What a line of the report begins with, by the outcome of its check. */
export const marks = {
  passed: colors.green("✓"),
  failed: colors.red("✗"),
  "not run": colors.yellow("?"),
};

/** Returns the same as a line of the report, if there is a sample. */
export const sampleLines = (sample: Proof["sample"]): string[] =>
  sample ? [`  ${"sample".padEnd(22)}${sampleText(sample)} (--all-sites checks each)`] : [];

/** Returns a line for each crash of onnxruntime. */
export const crashLines = (crashes: readonly Crash[]): string[] =>
  crashes.map(
    ({ signal, model, level, step }) =>
      `${marks["not run"]} ${"crashed".padEnd(22)}onnxruntime crashed (${signal}) on ${model}, optimization level "${level}", during "${step}"; all of this was run at lower levels`,
  );
