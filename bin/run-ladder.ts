import path from "node:path";
import { bytes, ladderSummary, saveBytes } from "../passes/internal.ts";
import { drawLadder, ladderOf, measureNorms, openModel } from "../src/index.ts";
import type { ArgumentsFor } from "./commands/command.ts";
import type { ladder } from "./commands/ladder.ts";
import { defaultOutput } from "./default-output.ts";
import { foundSites } from "./found-sites.ts";
import { readInputs } from "./inputs.ts";
import { printResult } from "./json.ts";
import { checkEnding, checkFree, checkWritable, filesOfModel } from "./output.ts";
import { withProgress } from "./progress.ts";
import { ort } from "./runtime.ts";
import { tell } from "./supervision.ts";

/** Draws a model's residual connections. */
export async function runLadder(args: ArgumentsFor<typeof ladder>): Promise<void> {
  const output = args.output ?? defaultOutput("ladder", args.model);
  const model = await openModel(args.model, { trustLinks: args.trustLinks });
  checkWritable(output);
  checkFree(output, filesOfModel(args.model, model), args.force);
  checkEnding(output, [".svg"]);
  const found = await foundSites(args, model);
  if (args.activations) tell({ step: "running the model for its activations" });
  const feeds = await readInputs(model, args.inputs);
  const norms = args.activations
    ? await withProgress(args, "running", (onProgress) =>
        measureNorms(found, { ort, dims: args.dim, seed: args.seed, feeds, onProgress }),
      )
    : undefined;
  const siteLadder = ladderOf(found, model, norms);
  const svg = new TextEncoder().encode(drawLadder(siteLadder, { theme: args.theme }));
  saveBytes(svg, output);
  printResult(args, { input: args.model, output, ...siteLadder }, [
    `${path.basename(args.model)}   ${ladderSummary(siteLadder).replaceAll(" · ", ", ")}`,
    `wrote ${output}   ${bytes(svg.length)}`,
  ]);
}
