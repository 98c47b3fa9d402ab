import fs from "node:fs";
import path from "node:path";
import { colors } from "./colors.ts";
import { defaultOutput, hasDefaultOutput } from "./default-output.ts";
import { EXIT } from "./exit.ts";
import { printFailure, UsageError } from "./failure.ts";
import { answerAs, printJson } from "./json.ts";
import { printedLines } from "./print.ts";

interface Places {
  readonly outDir?: string | undefined;
  readonly output?: string | undefined;
  readonly report?: string | undefined;
  readonly dryRun?: boolean | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** Arguments of a command that takes several models, one after another. */
export type Several = Places & { readonly model: string | readonly string[] };

/** Arguments of the same command for one model. */
export type One = Places & { readonly model: string };

/**
 * Runs a command for each model. If a model fails, the others are still processed; the exit code is
 * the highest, and a line for each model says how it ended.
 */
export async function forEachModel(
  command: string,
  { outDir, ...args }: Several,
  run: (args: One) => Promise<void>,
): Promise<void> {
  const jobs = jobsOf(command, args, outDir);
  const created = outDir !== undefined && !args.dryRun ? madeFolder(outDir) : null;
  try {
    if (jobs.length === 1) await run(jobs[0]);
    else await runAll(jobs, run);
  } finally {
    if (created !== null && fs.readdirSync(created).length === 0) fs.rmdirSync(created);
  }
}

/** Returns the arguments for each model. Throws a UsageError if two results would be one file. */
function jobsOf(command: string, args: Several, outDir: string | undefined): One[] {
  const models = [args.model].flat();
  const twice = models.find((file, k) => models.indexOf(file) !== k);
  if (twice !== undefined) throw new UsageError(`${twice} is given twice; give it once.`);
  if (outDir !== undefined && args.output !== undefined)
    throw new UsageError("-o names a file and --out-dir a folder; give one of them.");
  const [, second] = models;
  if (models.length === 2 && hasDefaultOutput(command) && !fs.existsSync(second))
    throw new UsageError(
      `${second} does not exist; check the path, or name the result with -o ${second}.`,
    );
  if (models.length > 1 && args.output !== undefined)
    throw new UsageError(
      `-o names one file, and there are ${models.length} models; name a folder with --out-dir.`,
    );
  if (models.length > 1 && args.report !== undefined)
    throw new UsageError(
      `--report names one file, and there are ${models.length} models; run them one at a time.`,
    );
  const jobs = models.map((model) => {
    const output = outDir === undefined ? args.output : defaultOutput(command, model, outDir);
    return { ...args, model, ...(hasDefaultOutput(command) ? { output } : {}) };
  });
  if (outDir === undefined) return jobs;
  const files = jobs.map(({ output }) => output);
  const same = files.findIndex((file, k) => files.indexOf(file) !== k);
  if (same >= 0)
    throw new UsageError(
      `${models[files.indexOf(files[same])]} and ${models[same]} would both be written to ${files[same]}; run them one at a time with -o.`,
    );
  return jobs;
}

/** Makes a folder; returns its path if it was not there. Throws a UsageError if it cannot be made. */
function madeFolder(folder: string): string | null {
  if (folder === "") throw new UsageError("--out-dir takes a folder.");
  const isThere = fs.existsSync(folder);
  if (isThere && !fs.statSync(folder).isDirectory())
    throw new UsageError(`${folder} is not a folder; choose another one with --out-dir.`);
  try {
    fs.mkdirSync(folder, { recursive: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UsageError(
      `${folder} cannot be created (${code}); choose another place with --out-dir.`,
    );
  }
  return isThere ? null : folder;
}

const ENDS: Readonly<Record<number, string>> = {
  [EXIT.done]: "done",
  [EXIT.checkFailed]: "a check failed",
  [EXIT.usage]: "refused",
  [EXIT.noSite]: "no residual site",
  [EXIT.notProved]: "a check could not run",
  [EXIT.interrupted]: "interrupted",
};

async function runAll(jobs: readonly One[], run: (args: One) => Promise<void>): Promise<void> {
  const documents: object[] = [];
  const [{ json, quiet }] = jobs;
  if (json) answerAs("json", (document) => documents.push(document));
  const codes: number[] = [];
  for (const [k, job] of jobs.entries()) {
    if (k > 0 && !json && !quiet) process.stdout.write("\n");
    process.exitCode = EXIT.done;
    await run(job).catch(printFailure);
    codes.push(Number(process.exitCode ?? EXIT.done));
  }
  process.exitCode = Math.max(...codes);
  if (json) {
    answerAs("json");
    printJson(documents);
  } else if (!quiet) process.stdout.write(printedLines(["", ...summary(jobs, codes)]));
}

function summary(jobs: readonly { model: string }[], codes: readonly number[]): string[] {
  const names = jobs.map(({ model }) => path.normalize(model));
  const width = Math.max(...names.map(({ length }) => length));
  return names.map((name, k) => {
    const mark = codes[k] === EXIT.done ? colors.green("✓") : colors.red("✗");
    return `${mark} ${name.padEnd(width)}  ${ENDS[codes[k]] ?? `exit code ${codes[k]}`}`;
  });
}
