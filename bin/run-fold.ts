import { foldProved, openModel } from "../src/index.ts";
import type { FoldArguments } from "./commands/fold.ts";
import { defaultOutput } from "./default-output.ts";
import { EXIT } from "./exit.ts";
import { foldJson, foldLines } from "./fold-report.ts";
import { foldPage } from "./html/fold-page.ts";
import { checkReport, dataPaths, stagedFiles, stagedReport } from "./html/report-page.ts";
import { parseDims, readInputs } from "./inputs.ts";
import { printJson } from "./json.ts";
import { checkCopies, checkOutput, outputOf } from "./output.ts";
import { Progress } from "./progress.ts";
import { ort } from "./runtime.ts";
import { staged } from "./staged.ts";
import { bytes } from "./text.ts";

/** Folds a laurelized model, proves the result and writes it. */
export async function runFold(args: FoldArguments): Promise<void> {
  const dims = parseDims(args.dim);
  const output = args.output ?? defaultOutput("fold", args.model);
  const model = await openModel(args.model, { trustLinks: args.trustLinks });
  const target = outputOf({ ...args, output, linkWeights: false }, model);
  const how = { force: args.force, linkWeights: false };
  checkOutput(target, args.model, how, model);
  const own = [args.model, ...dataPaths(args.model, model)];
  checkReport(args, [...own, output]);
  const feeds = args.inputs ? [await readInputs(ort, model, args.inputs)] : undefined;
  const progress = new Progress(!args.quiet, "folding");
  const options = { externalData: target.data, copyData: target.copies };
  try {
    const { folded, proof } = await foldProved(model, {
      ...options,
      ort,
      dims,
      feeds,
      seed: args.seed,
      onProgress: progress.report,
    });
    progress.stop();
    checkCopies(folded.model, output, own, args.force);
    const pending = proof.passed ? await staged(folded.model, output) : null;
    const outputs = pending ? stagedFiles(output, pending) : new Map();
    const before = { file: args.model, model };
    const report = await stagedReport(args, () => foldPage(before, folded, proof, outputs));
    pending?.keep();
    report.keep();
    const written = proof.passed ? output : null;
    if (args.json) printJson({ ...foldJson(args.model, written, folded, proof), ...report.json });
    else if (!args.quiet) {
      const lines = foldLines(args.model, folded, proof);
      const last = written ? `\nwrote ${written}   ${bytes(folded.model.size)}\n` : "";
      const page = args.report === undefined ? "" : `wrote ${args.report}\n`;
      process.stdout.write(`${lines.join("\n")}\n${last}${page}`);
    }
    if (!proof.passed) {
      const failed = proof.function.outcome !== "not run";
      process.exitCode = failed ? EXIT.checkFailed : EXIT.notProved;
      process.stderr.write(
        `laurelize: ${failed ? "the folded model differs" : "the folded model could not be run"}; nothing was written.\n`,
      );
    }
  } finally {
    progress.stop();
  }
}
