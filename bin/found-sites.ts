import { type FoundResiduals, findResiduals, type Model } from "../src/index.ts";
import type { InspectArguments } from "./commands/inspect.ts";
import { finding } from "./commands/options.ts";
import { picked } from "./picked.ts";
import { printNote } from "./print.ts";
import { withProgress } from "./progress.ts";
import { ort } from "./runtime.ts";
import { tell } from "./supervision.ts";

/** Finds the residual connections of a model that is listed or drawn, and prints warnings. */
export async function foundSites(
  args: Pick<InspectArguments, "quiet">,
  model: Model,
): Promise<FoundResiduals> {
  tell({ step: "finding the residual connections" });
  const found = await withProgress(args, "inspecting", (onProgress) =>
    findResiduals(model, { ort, ...picked(args, finding), onProgress }),
  );
  if (!args.quiet) for (const warning of found.warnings) printNote("warning", warning);
  return found;
}
