import path from "node:path";
import {
  drawLadder,
  findResiduals,
  InputError,
  ladderOf,
  measureNorms,
  openModel,
} from "../src/index.ts";
import { ladderSummary, saveBytes } from "../src/internal.ts";
import type { LadderArguments } from "./commands/ladder.ts";
import { defaultOutput } from "./default-output.ts";
import { parseDims, readInputs } from "./inputs.ts";
import { printJson } from "./json.ts";
import { checkFree, checkWritable } from "./output.ts";
import { withProgress } from "./progress.ts";
import { ort } from "./runtime.ts";
import { tell } from "./supervision.ts";
import { bytes } from "./text.ts";

/** Draws a model's residual connections. */
export async function runLadder(args: LadderArguments): Promise<void> {
  const dims = parseDims(args.dim);
  const output = args.output ?? defaultOutput("ladder", args.model);
  const model = await openModel(args.model, { trustLinks: args.trustLinks });
  const data = model.dataFiles.map((each) => path.join(path.dirname(args.model), each));
  checkWritable(output);
  checkFree(output, [args.model, ...data], args.force);
  if (path.extname(output).toLowerCase() !== ".svg")
    throw new InputError(`-o ${output} must end in .svg.`);
  tell({ step: "finding the residual connections" });
  const { featureAxis, also, include, exclude, stream, every, last } = args;
  const choice = { include, exclude, stream, every, last };
  const found = await withProgress(args, "inspecting", (onProgress) =>
    findResiduals(model, { ort, featureAxis, also, ...choice, onProgress }),
  );
  if (!args.quiet)
    for (const warning of found.warnings) process.stderr.write(`warning: ${warning}\n`);
  if (args.activations) tell({ step: "running the model for its activations" });
  const feeds = args.inputs ? [await readInputs(ort, model, args.inputs)] : undefined;
  const norms = args.activations
    ? await withProgress(args, "running", (onProgress) =>
        measureNorms(found, { ort, dims, seed: args.seed, feeds, onProgress }),
      )
    : undefined;
  const ladder = ladderOf(found, model, norms);
  const svg = new TextEncoder().encode(drawLadder(ladder, { theme: args.theme }));
  saveBytes(svg, output);
  if (args.json) printJson({ input: args.model, output, ...ladder });
  else if (!args.quiet)
    process.stdout.write(
      `${path.basename(args.model)}   ${ladderSummary(ladder).replaceAll(" · ", ", ")}\nwrote ${output}   ${bytes(svg.length)}\n`,
    );
}
