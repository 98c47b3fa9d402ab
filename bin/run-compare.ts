import path from "node:path";
import { type Comparison, compare, type Model, openModel } from "../src/index.ts";
import type { CompareArguments } from "./commands/compare.ts";
import { comparisonLines } from "./comparison.ts";
import { EXIT } from "./exit.ts";
import { comparisonPage } from "./html/comparison-page.ts";
import { checkReport, dataPaths, stagedReport } from "./html/report-page.ts";
import { parseDims, readInputs } from "./inputs.ts";
import { printJson } from "./json.ts";
import { withProgress } from "./progress.ts";
import { crashLines } from "./report-notes.ts";
import { ort } from "./runtime.ts";
import { crashes, tell } from "./supervision.ts";
import { headline } from "./text.ts";

/** Compares two models and prints where they part. */
export async function runCompare(args: CompareArguments): Promise<void> {
  const dims = parseDims(args.dim);
  const { trustLinks } = args;
  const a = await openModel(args.a, { trustLinks });
  const b = await openModel(args.b, { trustLinks });
  checkReport(args, [args.a, args.b, ...dataPaths(args.a, a), ...dataPaths(args.b, b)]);
  tell({ step: "comparing" });
  const comparison = await compared(args, a, b, dims);
  const { same } = comparison;
  if (!same) process.exitCode = EXIT.checkFailed;
  const [first, second] = [
    { file: args.a, model: a },
    { file: args.b, model: b },
  ];
  const report = await stagedReport(args, () => comparisonPage(first, second, comparison));
  report.keep();
  if (args.json) {
    printJson({ a: args.a, b: args.b, ...comparison, crashes: crashes(), ...report.json });
    return;
  }
  const heads = [headline(path.basename(args.a), a), headline(path.basename(args.b), b)];
  const wrote = args.report === undefined ? [] : ["", `wrote ${args.report}`];
  if (!args.quiet)
    process.stdout.write(
      `${[comparisonLines(comparison, args.all, heads), ...crashLines(crashes()), ...wrote].join("\n")}\n`,
    );
  else if (!same) process.stderr.write(`${comparisonLines(comparison, args.all)}\n`);
}

async function compared(
  args: CompareArguments,
  a: Model,
  b: Model,
  dims: Record<string, number>,
): Promise<Comparison> {
  return withProgress(args, "comparing", async (onProgress) => {
    onProgress(0, "types");
    const feeds = args.inputs ? [await readInputs(ort, a, args.inputs)] : undefined;
    const { seed, atol, rtol } = args;
    return compare(a, b, { ort, dims, seed, atol, rtol, feeds, onProgress });
  });
}
