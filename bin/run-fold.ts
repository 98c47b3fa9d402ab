import { foldProved, openModel } from "../src/index.ts";
import type { ArgumentsFor } from "./commands/command.ts";
import type { fold } from "./commands/fold.ts";
import { defaultOutput } from "./default-output.ts";
import { EXIT } from "./exit.ts";
import { foldJson, foldLines } from "./fold-report.ts";
import { foldPage } from "./html/fold-page.ts";
import { checkReport, stagedFiles, stagedReport } from "./html/report-page.ts";
import { parseDims, readInputs } from "./inputs.ts";
import { printResult, reportLine } from "./json.ts";
import { checkCopies, checkOutput, filesOfModel, outputOf } from "./output.ts";
import { withProgress } from "./progress.ts";
import { ort } from "./runtime.ts";
import { staged } from "./staged.ts";
import { bytes } from "./text.ts";

/** Folds a laurelized model, proves the result and writes it. */
export async function runFold(args: ArgumentsFor<typeof fold>): Promise<void> {
  const dims = parseDims(args.dim);
  const output = args.output ?? defaultOutput("fold", args.model);
  const model = await openModel(args.model, { trustLinks: args.trustLinks });
  const target = outputOf({ ...args, output }, model);
  checkOutput(target, args.model, args, model);
  const inputFiles = filesOfModel(args.model, model);
  checkReport(args, [...inputFiles, output]);
  const feeds = args.inputs ? [await readInputs(ort, model, args.inputs)] : undefined;
  const where = { externalData: target.data, copyData: target.copies };
  const { folded, proof } = await withProgress(args, "folding", (onProgress) =>
    foldProved(model, { ...where, ort, dims, feeds, seed: args.seed, onProgress }),
  );
  checkCopies(folded.model, output, inputFiles, args.force);
  const pending = proof.passed ? await staged(folded.model, output) : null;
  const outputs = pending ? stagedFiles(output, pending) : new Map();
  const before = { file: args.model, model };
  const report = await stagedReport(args, () => foldPage(before, folded, proof, outputs));
  pending?.keep();
  report.keep();
  const written = proof.passed ? output : null;
  printResult(args, { ...foldJson(args.model, written, folded, proof), ...report.json }, [
    ...foldLines(args.model, folded, proof),
    ...(written ? ["", `wrote ${written}   ${bytes(folded.model.size)}`] : []),
    ...reportLine(args),
  ]);
  if (proof.passed) return;
  const failed = proof.function.outcome !== "not run";
  process.exitCode = failed ? EXIT.checkFailed : EXIT.notProved;
  process.stderr.write(
    `laurelize: ${failed ? "the folded model differs" : "the folded model could not be run"}; nothing was written.\n`,
  );
}
