import { bytes, counted, saveBytes } from "../passes/internal.ts";
import {
  type Adapter,
  adapterBytes,
  averageAdapters,
  averageWeights,
  combineAdapters,
  openAdapter,
} from "../src/index.ts";
import type { AverageArguments, CombineArguments } from "./commands/average.ts";
import { UsageError } from "./failure.ts";
import { printResult } from "./json.ts";
import { checkEnding, checkFree, WEIGHTS } from "./output.ts";

/** Averages adapters and writes the mean. */
export async function runAverage(args: AverageArguments): Promise<void> {
  const adapters = await opened(args.adapters);
  const how = { equal: args.equal };
  write(args, args.adapters, averageWeights(adapters, how), averageAdapters(adapters, how));
}

/** Adds adapters up with weights and writes the sum. */
export async function runCombine(args: CombineArguments): Promise<void> {
  const given = args.adapters.map(weighted);
  const files = given.map(({ file }) => file);
  const weights = given.map(({ weight }) => weight);
  write(args, files, weights, combineAdapters(await opened(files), weights));
}

/** A file and its weight, "a.safetensors=0.7". */
function weighted(text: string): { readonly file: string; readonly weight: number } {
  const [, file, number] = /^(.+)=([^=]*)$/s.exec(text) ?? [];
  const weight = number?.trim() ? Number(number) : Number.NaN;
  if (file === undefined || !Number.isFinite(weight))
    throw new UsageError(
      `${text} has no weight; give each adapter a number, ${file ?? text}=0.5, or use average.`,
    );
  return { file, weight };
}

const opened = (files: readonly string[]) => Promise.all(files.map((file) => openAdapter(file)));

function write(
  args: CombineArguments,
  files: readonly string[],
  weights: readonly number[],
  adapter: Adapter,
): void {
  const { output } = args;
  checkEnding(output, WEIGHTS);
  checkFree(output, files, args.force);
  const content = adapterBytes(adapter);
  saveBytes(content, output);
  const tensors = adapter.tensors.length;
  const sum = weights.reduce((a, b) => a + b, 0);
  const inputs = files.map((file, k) => ({ file, weight: weights[k] }));
  const share = (weight: number) => String(Number(weight.toPrecision(6)));
  const lines = [
    ...inputs.map(({ file, weight }) => `${share(weight)} × ${file}`),
    ...(Math.abs(sum - 1) > 1e-9 ? [`the weights add up to ${share(sum)}, not to 1`] : []),
    `wrote ${output}   ${bytes(content.length)}, ${counted(tensors, "tensor")}`,
  ];
  printResult(args, { inputs, sum, output, bytes: content.length, tensors }, lines);
}
