import path from "node:path";
import { type Comparison, compare, type Model, openModel } from "../src/index.ts";
import { comparisonLines } from "./comparison.ts";
import { EXIT } from "./exit.ts";
import { parseDims, readInputs } from "./inputs.ts";
import { printJson } from "./json.ts";
import { withProgress } from "./progress.ts";
import { crashLines } from "./report-notes.ts";
import { ort } from "./runtime.ts";
import { crashes, tell } from "./supervision.ts";
import { headline } from "./text.ts";

/** What the command line says. */
export interface CompareArguments {
  a: string;
  b: string;
  dim: string[] | undefined;
  inputs: string | undefined;
  seed: number;
  all: boolean;
  atol: number | undefined;
  rtol: number | undefined;
  json: boolean;
  quiet: boolean;
  timeout: number;
  trustLinks: boolean;
}

/** Compares two models and prints where they part. */
export async function runCompare(args: CompareArguments): Promise<void> {
  const dims = parseDims(args.dim);
  const { trustLinks } = args;
  const a = await openModel(args.a, { trustLinks });
  const b = await openModel(args.b, { trustLinks });
  tell({ step: "comparing" });
  const comparison = await compared(args, a, b, dims);
  const { same } = comparison;
  if (!same) process.exitCode = EXIT.checkFailed;
  if (args.json) {
    printJson({ a: args.a, b: args.b, ...comparison, crashes: crashes() });
    return;
  }
  const heads = [headline(path.basename(args.a), a), headline(path.basename(args.b), b)];
  if (!args.quiet)
    process.stdout.write(
      `${[comparisonLines(comparison, args.all, heads), ...crashLines(crashes())].join("\n")}\n`,
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
