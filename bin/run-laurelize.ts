import path from "node:path";
import { bytes, checkMemory, counted } from "../passes/internal.ts";
import {
  InputError,
  isLaurelized,
  type Laurelized,
  laurelize,
  type Model,
  NoSiteError,
  openModel,
  type Proof,
  prove,
  RecognizedError,
} from "../src/index.ts";
import { unproved } from "./check-lines.ts";
import { laurelOptions } from "./commands/inserting.ts";
import type { LaurelizeArguments } from "./commands/laurelize.ts";
import { EXIT } from "./exit.ts";
import { laurelizePage, noSitePage } from "./html/laurelize-page.ts";
import { checkReport, stagedReport } from "./html/report-page.ts";
import { readInputs } from "./inputs.ts";
import { printJson, printResult, reportLine } from "./json.ts";
import { checkOutput, filesOfModel, type Output, outputOf } from "./output.ts";
import { printedLines, printNote } from "./print.ts";
import { withProgress } from "./progress.ts";
import { asJson, proofLines, summary } from "./report.ts";
import { ort } from "./runtime.ts";
import { staged } from "./staged.ts";
import { crashes, tell } from "./supervision.ts";
import { siteTable } from "./tables.ts";
import { webRuntime } from "./web-runtime.ts";

/** If a proof takes at least this many bytes of memory, the report says so first. */
const SPOKEN_OF = 1e9;

/** Finds, rewrites, proves and writes; prints the report. */
export async function runLaurelize(args: LaurelizeArguments): Promise<void> {
  const model = await openModel(args.model, { trustLinks: args.trustLinks });
  const target = outputOf("laurelize", args, model);
  if (isLaurelized(model) && !args.again)
    return leave(args, "is already laurelized; nothing written (--again adds to it)");
  checkExtent(args);
  tell({ step: "finding the residual connections" });
  if (args.alsoWeb) await webRuntime();
  if (!args.dryRun) checkOutput(target, args.model, args, model);
  if (!args.dryRun) checkReport(args, [target.file, ...filesOfModel(args.model, model)]);
  const laurel = await rewritten(args, model, target);
  if (laurel === null) return;
  warnOf(args, laurel);
  if (isFirst()) say(args, summary(laurel));
  if (args.dryRun) {
    const table = siteTable(laurel.plan.sites.map(({ site }) => site));
    const lines = ["", ...table, "", "dry run: nothing proved, nothing written"];
    return printResult(args, asJson(laurel, { input: args.model, output: null }, null), lines);
  }
  const memory = args.prove === "full" ? checkMemory(laurel.model).needed : 0;
  if (memory > SPOKEN_OF && isFirst())
    say(args, [`proving it takes about ${bytes(memory)} of memory`]);
  await provedAndWritten(args, laurel, target.file);
}

/** Throws an InputError for options that only a proof of the whole model uses, if there is none. */
function checkExtent({ allSites, alsoWeb, inputs, prove }: LaurelizeArguments): void {
  const how = prove === "none" ? "--no-prove skips" : "--prove sites leaves out";
  for (const [option, given] of [
    ["--also-web", alsoWeb],
    ["--all-sites", allSites],
    ["--inputs", inputs !== undefined],
  ] as const)
    if (given && prove !== "full")
      throw new InputError(
        `${option} is only used when the whole model runs, which ${how}; give one of them.`,
      );
}

/** Whether onnxruntime has not ended an earlier attempt at the command. */
const isFirst = () => crashes().length === 0;

/** Prints lines of the report, before its document or its last lines. */
function say({ quiet, json }: LaurelizeArguments, lines: readonly string[]): void {
  if (!quiet && !json) process.stdout.write(printedLines(lines));
}

function leave(args: LaurelizeArguments, why: string): void {
  const document = { input: args.model, output: null, alreadyLaurelized: true };
  printResult(args, document, [`${path.basename(args.model)} ${why}`]);
}

/** The laurelized model; null, and reported, if the model turns out to be one already. */
async function rewritten(args: LaurelizeArguments, model: Model, target: Output) {
  const { linkWeights, hash, again } = args;
  const { file: _, ...where } = target;
  const options = { ...laurelOptions(args), ...where, ort, linkWeights, hash, again };
  try {
    return await withProgress(args, "rewriting", (onProgress) =>
      laurelize(model, { ...options, onProgress }),
    );
  } catch (error) {
    if (error instanceof NoSiteError && !args.dryRun)
      (await stagedReport(args, () => noSitePage(model, error))).keep();
    if (!(error instanceof RecognizedError)) throw error;
    leave(
      args,
      `is already laurelized (recognized at ${counted(error.sites, "site")} by structure; the metadata is gone); nothing written (--again adds to it)`,
    );
    return null;
  }
}

function warnOf(args: LaurelizeArguments, laurel: Laurelized): void {
  const name = path.basename(args.model);
  const hasLaurel = laurel.found.chosen.some(({ kind }) => kind === "laurel");
  const idle = args.again && !isLaurelized(laurel.original) && !hasLaurel;
  const warnings = [
    ...(idle ? [`--again has no effect: no chosen site of ${name} is LAuReL yet.`] : []),
    ...laurel.warnings,
  ];
  if (!args.quiet && isFirst()) for (const warning of warnings) printNote("warning", warning);
}

async function provedAndWritten(args: LaurelizeArguments, laurel: Laurelized, output: string) {
  const start = performance.now();
  const pending = await staged(laurel.model, output, args.force);
  const written = performance.now();
  const proof = await proofOf(args, laurel, pending.path).catch((error) => {
    pending.discard();
    throw error;
  });
  if (proof) say(args, ["", ...proofLines(proof)]);
  const proved = performance.now();
  const passed = proof?.passed ?? true;
  const page = () => laurelizePage(laurel, proof);
  const report = await stagedReport(args, page, passed ? pending : null);
  if (!passed) pending.discard();
  report.keep();
  const files = { input: args.model, output: passed ? output : null };
  const document = { ...asJson(laurel, files, proof), ...report.json };
  if (!passed) {
    if (args.json) printJson(document);
    return failed(args, proof!, output);
  }
  const seconds = (from: number, until: number) => `${((until - from) / 1000).toFixed(1)} s`;
  const at = proof?.leftOut ? "proved at its sites" : "proved";
  const how = proof ? `, ${at} in ${seconds(written, proved)}` : ", not proved (--no-prove)";
  const name = path.basename(args.model);
  const keep = `its old weights are those in ${name}: keep the two files together, and ${name} as it is`;
  printResult(args, document, [
    "",
    `wrote ${output}   ${bytes(laurel.model.size)} in ${seconds(start, written)}${how}`,
    ...(laurel.model.dataFiles.includes(name) ? [keep] : []),
    ...reportLine(args),
  ]);
}

/** Reports a result that is not written, and sets the exit code. */
function failed({ json, quiet }: LaurelizeArguments, proof: Proof, output: string): void {
  printNote("laurelize", `${unproved(proof)}; ${output} was not written.`);
  if (json || quiet) process.stderr.write(printedLines(proofLines(proof)));
  const isFailed = proof.checks.some(({ outcome }) => outcome === "failed");
  process.exitCode = isFailed ? EXIT.checkFailed : EXIT.notProved;
}

/** Proves a result in the file that is written; null if no proof is wanted. */
async function proofOf(
  args: LaurelizeArguments,
  laurel: Laurelized,
  written: string,
): Promise<Proof | null> {
  const { prove: extent, dim: dims, seed, allSites } = args;
  if (extent === "none") return null;
  const alsoOrt = args.alsoWeb ? await webRuntime() : undefined;
  return withProgress(args, "proving", async (onProgress) => {
    const feeds = await readInputs(laurel.original, args.inputs);
    const options = { ort, extent, written, dims, seed, feeds, alsoOrt, allSites, onProgress };
    return prove(laurel, options);
  });
}
