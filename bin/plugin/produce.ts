import { type ExecFileException, execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { closing } from "../../passes/internal.ts";
import { openModel } from "../../src/index.ts";
import { EXIT } from "../exit.ts";
import { turnOffTelemetry } from "../no-telemetry.ts";
import { type Dependencies, dependenciesOf } from "./cache.ts";
import type { ModelImport } from "./query.ts";
import { steps } from "./steps.ts";

/** A model that an import yields, as files in the cache. */
export interface Produced {
  readonly model: string;
  /** Its data files: the path that the model refers to, and the file. */
  readonly data: readonly { readonly path: string; readonly file: string }[];
  /** Files whose change makes the result another. */
  readonly dependencies: readonly string[];
  readonly warnings: readonly string[];
  readonly isCached: boolean;
}

/** What the cache notes of a result, in a file beside it. */
interface Note {
  readonly model: string;
  readonly data: readonly string[];
  readonly warnings: readonly string[];
}

const NOTE = "laurelize.json";

/** Results that are being made, by their folders; and the last of them, because one runs at a time. */
const running = new Map<string, Promise<void>>();
let last: Promise<unknown> = Promise.resolve();

/**
 * Returns the model that an import asks for, from the cache if it is there. Throws an error of one
 * sentence if the model cannot be made or its proof fails.
 */
export async function produce(wanted: ModelImport, cache: string): Promise<Produced> {
  const depended = await dependenciesOf(wanted);
  const folder = path.join(cache, depended.key);
  const isCached = fs.existsSync(path.join(folder, NOTE));
  if (!isCached) await once(folder, () => make(wanted, depended, folder));
  const note: Note = JSON.parse(fs.readFileSync(path.join(folder, NOTE), "utf8"));
  return {
    model: path.join(folder, note.model),
    data: note.data.map((name) => ({ path: name, file: path.join(folder, name) })),
    dependencies: depended.files,
    warnings: isCached ? [] : note.warnings,
    isCached,
  };
}

function once(folder: string, work: () => Promise<void>): Promise<void> {
  const known = running.get(folder);
  if (known) return known;
  const result = last.then(work, work).finally(() => running.delete(folder));
  last = result.catch(() => {});
  running.set(folder, result);
  return result;
}

/** Makes a result in a folder of its own and moves it into the cache whole. */
async function make(wanted: ModelImport, depended: Dependencies, folder: string): Promise<void> {
  fs.mkdirSync(path.dirname(folder), { recursive: true });
  const trial = fs.mkdtempSync(`${folder}.`);
  try {
    const note = await done(wanted, depended, trial);
    fs.writeFileSync(path.join(trial, NOTE), JSON.stringify(note));
    fs.renameSync(trial, folder);
  } catch (error) {
    // Another process may have made the same meanwhile.
    if (!fs.existsSync(path.join(folder, NOTE))) throw error;
  } finally {
    fs.rmSync(trial, { recursive: true, force: true });
  }
}

/** Does the steps one after another; each reads what the one before it wrote. */
async function done(wanted: ModelImport, depended: Dependencies, trial: string): Promise<Note> {
  const name = path.basename(wanted.model).replace(/[^\w.-]|^\.|\.(?=\.)/g, "_");
  const warnings: string[] = [];
  let [input, hasData] = [wanted.model, depended.hasData];
  for (const [number, { step, args }] of wanted.work.entries()) {
    const { command } = steps[step];
    const output = path.join(trial, `${number}`, name);
    fs.mkdirSync(path.dirname(output));
    const said = await runCommandLine([
      ...(command === "laurelize" ? [] : [command]),
      input,
      ...(step === "adapter" ? [wanted.adapter!] : []),
      `--output=${output}`,
      ...(hasData ? ["--copy-data"] : []),
      ...args,
    ]);
    warnings.push(...said);
    if (!fs.existsSync(output))
      throw new Error(
        "the model is already laurelized: leave laurel out, or add &again to insert more.",
      );
    input = output;
    hasData = (await dataOf(output)).length > 0;
  }
  const data = await dataOf(input);
  for (const file of [name, ...data])
    fs.renameSync(path.join(path.dirname(input), file), path.join(trial, file));
  for (const number of wanted.work.keys())
    fs.rmSync(path.join(trial, `${number}`), { recursive: true });
  return { model: name, data, warnings };
}

const dataOf = async (file: string): Promise<readonly string[]> =>
  closing(await openModel(file), ({ dataFiles }) => dataFiles);

const run = promisify(execFile);
const program = fileURLToPath(new URL("../laurelize.js", import.meta.url));

const OWN = /^laurelize: /;
const WARNING = /^warning: /;

/**
 * Runs one command line of laurelize in a process of its own, so that onnxruntime cannot end the
 * bundler. Returns its warnings. Throws an error with the command's own sentence if it fails.
 */
async function runCommandLine(args: readonly string[]): Promise<readonly string[]> {
  const env = { ...process.env, NO_COLOR: "1" };
  turnOffTelemetry(env);
  const options = { env, maxBuffer: Number.POSITIVE_INFINITY };
  const { stderr } = await run(process.execPath, [program, ...args], options).catch((error) => {
    throw new Error(failed(error));
  });
  const warnings = stderr.split("\n").filter((line) => WARNING.test(line));
  return warnings.map((line) => line.replace(WARNING, ""));
}

/** Returns the sentences of a command that failed, and the report of its proof if it made one. */
function failed({ code, stdout = "", stderr = "" }: ExecFileException): string {
  const said = stderr
    .split("\n")
    .filter((line) => line.trim() !== "" && !WARNING.test(line))
    .map((line) => line.replace(OWN, "").replace(/ \(laurelize [a-z-]*\s?--help\)$/, ""));
  const isProof = code === EXIT.checkFailed || code === EXIT.notProved;
  const report = isProof ? stdout.trimEnd() : "";
  return [...said, ...(report === "" ? [] : ["", report])].join("\n");
}
