import { bytes, counted } from "../passes/internal.ts";
import {
  type FoldedModel,
  type FoldedSite,
  type FoldProof,
  foldProved,
  openModel,
} from "../src/index.ts";
import { checkLine, describeFunction, outputFailures } from "./check-lines.ts";
import type { ArgumentsFor } from "./commands/command.ts";
import type { fold } from "./commands/fold.ts";
import { EXIT } from "./exit.ts";
import { foldPage } from "./html/fold-page.ts";
import { checkReport, stagedReport } from "./html/report-page.ts";
import { readInputs } from "./inputs.ts";
import { printResult, reportLine } from "./json.ts";
import { checkCopies, checkOutput, filesOfModel, outputOf } from "./output.ts";
import { printNote } from "./print.ts";
import { withProgress } from "./progress.ts";
import { ort } from "./runtime.ts";
import { staged } from "./staged.ts";
import { figure } from "./text.ts";

/** Folds a laurelized model, proves the result and writes it. */
export async function runFold(args: ArgumentsFor<typeof fold>): Promise<void> {
  const model = await openModel(args.model, { trustLinks: args.trustLinks });
  const target = outputOf("fold", args, model);
  const { file: output, ...where } = target;
  checkOutput(target, args.model, args, model);
  const inputFiles = filesOfModel(args.model, model);
  checkReport(args, [...inputFiles, output]);
  const feeds = await readInputs(model, args.inputs);
  const { folded, proof } = await withProgress(args, "folding", (onProgress) =>
    foldProved(model, { ...where, ort, dims: args.dim, feeds, seed: args.seed, onProgress }),
  );
  checkCopies(folded.model, output, inputFiles, args.force);
  const pending = proof.passed ? await staged(folded.model, output, args.force) : null;
  const page = () => foldPage(model, folded, proof);
  const report = await stagedReport(args, page, pending);
  report.keep();
  const written = proof.passed ? output : null;
  const { sites, factors, restored, extent, maps } = folded;
  const files = { input: args.model, output: written, bytes: folded.model.size };
  const document = { ...files, restored, extent, factors, maps, sites, proof, ...report.json };
  printResult(args, document, [
    ...foldLines(args.model, folded, proof),
    ...(written ? ["", `wrote ${written}   ${bytes(folded.model.size)}`] : []),
    ...reportLine(args),
  ]);
  if (proof.passed) return;
  const hasRun = proof.function.outcome !== "not run";
  process.exitCode = hasRun ? EXIT.checkFailed : EXIT.notProved;
  const why = hasRun ? "the folded model differs" : "the folded model could not be run";
  printNote("laurelize", `${why}; nothing was written.`);
}

/** Returns what was folded, in lines: each site, and the proof. */
function foldLines(input: string, folded: FoldedModel, proof: FoldProof): string[] {
  const { sites, factors, restored, maps } = folded;
  const numberOf = (outcome: string) => sites.filter((site) => site.outcome === outcome).length;
  const kept = numberOf("low-rank");
  const parts = [
    `${numberOf("plain")} of ${counted(sites.length, "site")} folded completely`,
    ...(kept > 0 ? [`${kept} keep only their low-rank maps`] : []),
    ...(factors > 0 ? [`${counted(factors, "factor")} multiplied at run time`] : []),
  ];
  const summary = restored
    ? "no site changes anything: the result is the original, byte for byte"
    : parts.join(", ");
  const lines = [...sites.map(siteLine), ...mapLines(maps)];
  return [`${input}   ${summary}`, ...lines, "", ...proofLines(proof)];
}

function mapLines(maps: FoldedModel["maps"]): string[] {
  if (!maps) return [];
  const share = `${Number((100 * maps.share).toPrecision(maps.share < 1 ? 2 : 3))} % of the model's multiply-adds`;
  return [`  low-rank maps   ${share}${maps.quantized ? ", in float beside the integers" : ""}`];
}

function siteLine({ site, alpha, beta, map, reasons }: FoldedSite): string {
  const parts = { α: alpha, β: beta, "low-rank map": map };
  const said = Object.entries(parts)
    .filter(([, state]) => state !== "none")
    .map(([name, state]) => `${name} ${state}`);
  const why = [...new Set(reasons.map(({ text }) => text))];
  return `  ${site}   ${said.join(", ") || "plain sum"}${why.length > 0 ? `: ${why.join("; ")}` : ""}`;
}

function proofLines({ function: same, float64 }: FoldProof): string[] {
  const first = same.outcome === "not run" ? `not run: ${same.reason}` : describeFunction(same);
  const second =
    float64.outcome === "not run"
      ? `not run: ${float64.reason}`
      : `differs by ${figure(float64.difference)} (tolerance ${figure(float64.tolerance)})`;
  return [
    checkLine(same.outcome, "same function", first),
    ...(same.outcome === "not run" ? [] : outputFailures(same.outputs)),
    checkLine(float64.outcome, "same in float64", second),
  ];
}
