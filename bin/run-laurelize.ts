import path from "node:path";
import {
  type FeatureAxis,
  InputError,
  isLaurelized,
  type Laurelized,
  laurelize,
  type Ort,
  openModel,
  type Proof,
  prove,
  RecognizedError,
  type Site,
} from "../src/index.ts";
import { checkMemory } from "../src/internal.ts";
import { type Inserting, laurelOptions } from "./commands/inserting.ts";
import { EXIT } from "./exit.ts";
import { parseDims, readInputs } from "./inputs.ts";
import { printJson } from "./json.ts";
import { checkOutput, outputOf } from "./output.ts";
import { Progress } from "./progress.ts";
import { asJson, proofLines, summary, unproved } from "./report.ts";
import { ort } from "./runtime.ts";
import { staged } from "./staged.ts";
import { crashes, tell } from "./supervision.ts";
import { siteTable } from "./tables.ts";
import { bytes } from "./text.ts";
import { webRuntime } from "./web-runtime.ts";

/** What the command line says. */
export interface LaurelizeArguments extends Inserting {
  model: string;
  output: string | undefined;
  featureAxis: FeatureAxis | undefined;
  also: ("se" | "merge" | "constant")[] | undefined;
  dim: string[] | undefined;
  inputs: string | undefined;
  prove: "full" | "sites" | "none";
  alsoWeb: boolean;
  allSites: boolean;
  force: boolean;
  dryRun: boolean;
  json: boolean;
  quiet: boolean;
  timeout: number;
  trustLinks: boolean;
  externalData: string | boolean | undefined;
  linkWeights: boolean;
  copyData: boolean;
  hash: boolean | undefined;
  again: boolean;
}

/** Bytes of memory from which on the report says beforehand that a proof takes them. */
const SPOKEN_OF = 1e9;

/** Finds, rewrites, proves and writes; prints the report. */
export async function runLaurelize(args: LaurelizeArguments): Promise<void> {
  const dims = parseDims(args.dim);
  const model = await openModel(args.model, { trustLinks: args.trustLinks });
  const target = outputOf(args, model);
  const output = target.file;
  const say = (text: string) => {
    if (!args.quiet && !args.json) process.stdout.write(`${text}\n`);
  };
  const warn = (text: string) => {
    if (!args.quiet && first) process.stderr.write(`warning: ${text}\n`);
  };
  if (isLaurelized(model) && !args.again) {
    say(`${path.basename(args.model)} is already laurelized; nothing written (--again adds to it)`);
    if (args.json) printJson({ input: args.model, output: null, alreadyLaurelized: true });
    return;
  }
  checkExtent(args);
  tell({ step: "finding the residual connections" });
  const first = crashes().length === 0;
  const alsoOrt = args.alsoWeb ? await webRuntime() : undefined;
  if (!args.dryRun) checkOutput(target, args.model, args, model);
  const { data: externalData, copies: copyData } = target;
  const laurel = await laurelize(model, {
    ...laurelOptions(args),
    ort,
    externalData,
    copyData,
    linkWeights: args.linkWeights,
    hash: args.hash,
    again: args.again,
  }).catch((error) => {
    if (!(error instanceof RecognizedError)) throw error;
    const name = path.basename(args.model);
    const at = `${error.sites} ${error.sites === 1 ? "site" : "sites"}`;
    say(
      `${name} is already laurelized (recognised at ${at} by structure; the metadata is gone); nothing written (--again adds to it)`,
    );
    if (args.json) printJson({ input: args.model, output: null, alreadyLaurelized: true });
    return null;
  });
  if (laurel === null) return;
  if (args.copyData && copyData === null)
    warn(`--copy-data has no effect: ${path.basename(args.model)} has no data files.`);
  if (args.again && !isLaurelized(model) && !laurel.found.chosen.some(isLaurel))
    warn(`--again has no effect: no chosen site of ${path.basename(args.model)} is LAuReL yet.`);
  for (const warning of laurel.warnings) warn(warning);
  if (first) say(summary(path.basename(args.model), laurel));
  if (args.dryRun) {
    say(`\n${siteTable(laurel.plan.sites.map(({ site }) => site))}`);
    say("\ndry run: nothing proved, nothing written");
    if (args.json) printJson(asJson(args.model, null, laurel, null, []));
    return;
  }
  const memory = args.prove === "full" ? checkMemory(laurel.model).needed : 0;
  if (memory > SPOKEN_OF && first) say(`proving it takes about ${bytes(memory)} of memory`);
  const start = performance.now();
  const pending = await staged(laurel.model, output);
  const written = performance.now();
  let proof: Proof | null = null;
  if (args.prove !== "none") {
    proof = await proveStaged(args, dims, laurel, pending.path, alsoOrt).catch((error) => {
      pending.discard();
      throw error;
    });
    say(`\n${proofLines(proof, crashes())}`);
  }
  const proved = performance.now();
  if (proof && !proof.passed) {
    pending.discard();
    if (args.json) printJson(asJson(args.model, null, laurel, proof, crashes()));
    process.stderr.write(
      `laurelize: ${unproved(proof)}; ${output} was not written.\n${args.json || args.quiet ? `${proofLines(proof, crashes())}\n` : ""}`,
    );
    const failed = proof.checks.some(({ outcome }) => outcome === "failed");
    process.exitCode = failed ? EXIT.checkFailed : EXIT.notProved;
    return;
  }
  pending.keep();
  const seconds = (from: number, to: number) => `${((to - from) / 1000).toFixed(1)} s`;
  const at = proof?.leftOut ? "proved at its sites" : "proved";
  const how = proof ? `, ${at} in ${seconds(written, proved)}` : ", not proved (--no-prove)";
  say(`\nwrote ${output}   ${bytes(laurel.model.size)} in ${seconds(start, written)}${how}`);
  const name = path.basename(args.model);
  if (laurel.model.dataFiles.includes(name))
    say(`its old weights are those in ${name}: keep the two files together, and ${name} as it is`);
  if (args.json) printJson(asJson(args.model, output, laurel, proof, crashes()));
}

const isLaurel = ({ kind }: Site) => kind === "laurel";

function checkExtent({ allSites, alsoWeb, inputs, prove }: LaurelizeArguments): void {
  const how = prove === "none" ? "--no-prove skips" : "--prove sites leaves out";
  for (const [option, given] of [
    ["--also-web", alsoWeb],
    ["--all-sites", allSites],
    ["--inputs", inputs !== undefined],
  ] as const)
    if (given && prove !== "full")
      throw new InputError(
        `${option} is for the runs of the whole model, which ${how}; give one of them.`,
      );
}

async function proveStaged(
  args: LaurelizeArguments,
  dims: Record<string, number>,
  laurel: Laurelized,
  staged: string,
  alsoOrt: Ort | undefined,
): Promise<Proof> {
  const progress = new Progress(!args.quiet && !args.json);
  try {
    const feeds = args.inputs ? [await readInputs(ort, laurel.original, args.inputs)] : undefined;
    return await prove(laurel, {
      ort,
      extent: args.prove === "sites" ? "sites" : "full",
      written: staged,
      dims,
      seed: args.seed,
      feeds,
      alsoOrt,
      allSites: args.allSites,
      onProgress: progress.report,
    });
  } finally {
    progress.stop();
  }
}
