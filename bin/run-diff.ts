import fs from "node:fs";
import { diff, InputError, type Model, type ModelDiff, nodeData, openModel } from "../src/index.ts";
import { saveBytes } from "../src/internal.ts";
import { diffLines } from "./diff-report.ts";
import { parseDims, readInputs } from "./inputs.ts";
import { printJson } from "./json.ts";
import { checkFree, realFolder } from "./output.ts";
import { Progress } from "./progress.ts";
import { crashes, tell } from "./supervision.ts";

/** What the command line says. */
export interface DiffArguments {
  a: string;
  b: string;
  nodeData: string | undefined;
  prove: "full" | "none";
  dim: string[] | undefined;
  inputs: string | undefined;
  seed: number;
  all: boolean;
  force: boolean;
  json: boolean;
  quiet: boolean;
  timeout: number;
  trustLinks: boolean;
}

/** Prints and writes what changed between two models. */
export async function runDiff(args: DiffArguments): Promise<void> {
  const dims = parseDims(args.dim);
  const { trustLinks } = args;
  const a = await openModel(args.a, { trustLinks });
  const b = await openModel(args.b, { trustLinks });
  checkPlace(args, "node-data", args.nodeData);
  tell({ step: "comparing" });
  const found = await differences(args, a, b, dims);
  const text = (value: unknown) => new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
  if (args.nodeData !== undefined) saveBytes(text(nodeData(a, b, found)), args.nodeData);
  if (args.json) printJson({ a: args.a, b: args.b, ...found, crashes: crashes() });
  else if (!args.quiet) {
    const wrote = args.nodeData === undefined ? [] : ["", `wrote ${args.nodeData}`];
    process.stdout.write(`${[...diffLines(found, args.all, crashes()), ...wrote].join("\n")}\n`);
  }
}

/** Throws an InputError if a file to write would replace something. */
function checkPlace(
  { a, b, force }: DiffArguments,
  option: string,
  file: string | undefined,
): void {
  if (file === undefined) return;
  if (file === "" || file === "-") throw new InputError(`--${option} takes the path of a file.`);
  realFolder(file);
  const own = [a, b].filter((each) => fs.existsSync(each));
  checkFree(file, own, force);
}

async function differences(
  args: DiffArguments,
  a: Model,
  b: Model,
  dims: Record<string, number>,
): Promise<ModelDiff> {
  if (args.prove === "none") return diff(a, b);
  const { ort } = await import("./runtime.ts");
  const progress = new Progress(!args.quiet && !args.json, "comparing");
  try {
    const feeds = args.inputs ? [await readInputs(ort, a, args.inputs)] : undefined;
    return await diff(a, b, { ort, dims, seed: args.seed, feeds, onProgress: progress.report });
  } finally {
    progress.stop();
  }
}
