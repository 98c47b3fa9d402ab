import { type FoundResiduals, findResiduals, type Model } from "../src/index.ts";
import type { InspectArguments } from "./commands/inspect.ts";
import { printNote } from "./print.ts";
import { withProgress } from "./progress.ts";
import { ort } from "./runtime.ts";
import { tell } from "./supervision.ts";

/** What the command line says of the sites that are listed or drawn. */
type Finding = Pick<
  InspectArguments,
  "featureAxis" | "also" | "include" | "exclude" | "stream" | "every" | "last" | "quiet"
>;

/** Finds the residual connections of a model and prints warnings. */
export async function foundSites(args: Finding, model: Model): Promise<FoundResiduals> {
  tell({ step: "finding the residual connections" });
  const { featureAxis, also, include, exclude, stream, every, last } = args;
  const options = { ort, featureAxis, also, include, exclude, stream, every, last };
  const found = await withProgress(args, "inspecting", (onProgress) =>
    findResiduals(model, { ...options, onProgress }),
  );
  if (!args.quiet) for (const warning of found.warnings) printNote("warning", warning);
  return found;
}
