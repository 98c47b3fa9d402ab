import path from "node:path";
import { findResiduals, openModel } from "../src/index.ts";
import { printJson, rejectedAsJson, sitesAsJson } from "./json.ts";
import { ort } from "./runtime.ts";
import { tell } from "./supervision.ts";
import { rejectedTable, siteTable, sums } from "./tables.ts";
import { headline } from "./text.ts";

/** What the command line says. */
export interface InspectArguments {
  model: string;
  why: boolean;
  json: boolean;
  featureAxis: number | undefined;
  also: ("se" | "merge" | "constant")[] | undefined;
  timeout: number;
  trustLinks: boolean;
}

/** Prints a model's residual connections. */
export async function runInspect(args: InspectArguments): Promise<void> {
  const model = await openModel(args.model, { trustLinks: args.trustLinks });
  tell({ step: "finding the residual connections" });
  const found = await findResiduals(model, { ort, featureAxis: args.featureAxis, also: args.also });
  if (args.json) {
    printJson({
      model: args.model,
      sites: sitesAsJson(found.sites),
      rejected: rejectedAsJson(found.rejected),
    });
    return;
  }
  for (const warning of found.warnings) process.stderr.write(`warning: ${warning}\n`);
  const lines = [headline(path.basename(args.model), model), sums(found, args.why)];
  if (found.sites.length > 0) lines.push("", siteTable(found.sites));
  if (args.why && found.rejected.length > 0) lines.push("", rejectedTable(found.rejected));
  process.stdout.write(`${lines.join("\n")}\n`);
}
