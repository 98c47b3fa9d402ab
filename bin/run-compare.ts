import { compare, openModel } from "../src/index.ts";
import type { CompareArguments } from "./commands/compare.ts";
import { comparisonLines } from "./comparison.ts";
import { EXIT } from "./exit.ts";
import { comparisonPage } from "./html/comparison-page.ts";
import { checkReport, stagedReport } from "./html/report-page.ts";
import { readInputs } from "./inputs.ts";
import { printResult, reportLine } from "./json.ts";
import { filesOfModel } from "./output.ts";
import { printedLines } from "./print.ts";
import { withProgress } from "./progress.ts";
import { crashLines } from "./report.ts";
import { ort } from "./runtime.ts";
import { crashes, tell } from "./supervision.ts";
import { headline } from "./text.ts";

/** Compares two models and prints where they differ. */
export async function runCompare(args: CompareArguments): Promise<void> {
  const { trustLinks } = args;
  const a = await openModel(args.a, { trustLinks });
  const b = await openModel(args.b, { trustLinks });
  checkReport(args, [...filesOfModel(args.a, a), ...filesOfModel(args.b, b)]);
  tell({ step: "comparing" });
  const comparison = await withProgress(args, "comparing", async (onProgress) => {
    onProgress(0, "types");
    const feeds = await readInputs(a, args.inputs);
    const { dim: dims, seed, atol, rtol } = args;
    return compare(a, b, { ort, dims, seed, atol, rtol, feeds, onProgress });
  });
  const { same } = comparison;
  if (!same) process.exitCode = EXIT.checkFailed;
  const report = await stagedReport(args, () => comparisonPage(a, b, comparison));
  report.keep();
  const document = { a: args.a, b: args.b, ...comparison, crashes: crashes(), ...report.json };
  printResult(args, document, [
    ...comparisonLines(comparison, args.all, [headline(a), headline(b)]),
    ...crashLines(),
    ...reportLine(args, ""),
  ]);
  if (args.quiet && !args.json && !same)
    process.stderr.write(printedLines(comparisonLines(comparison, args.all)));
}
