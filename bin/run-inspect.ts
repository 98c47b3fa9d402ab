import path from "node:path";
import {
  type FoundResiduals,
  findResiduals,
  ladderOf,
  type Model,
  openModel,
  rejectionJson,
  siteJson,
} from "../src/index.ts";
import type { InspectArguments } from "./commands/inspect.ts";
import { checkReport, dataPaths, type ReportContents, stagedReport } from "./html/report-page.ts";
import { printJson } from "./json.ts";
import { withProgress } from "./progress.ts";
import { ort } from "./runtime.ts";
import { tell } from "./supervision.ts";
import { rejectedTable, siteTable } from "./tables.ts";
import { counted, headline, sums } from "./text.ts";

/** Prints a model's residual connections. */
export async function runInspect(args: InspectArguments): Promise<void> {
  const model = await openModel(args.model, { trustLinks: args.trustLinks });
  checkReport(args, [args.model, ...dataPaths(args.model, model)]);
  tell({ step: "finding the residual connections" });
  const { featureAxis, also, include, exclude, stream, every, last } = args;
  const choice = { include, exclude, stream, every, last };
  const found = await withProgress(args, "inspecting", (onProgress) =>
    findResiduals(model, { ort, featureAxis, also, ...choice, onProgress }),
  );
  if (!args.quiet)
    for (const warning of found.warnings) process.stderr.write(`warning: ${warning}\n`);
  const report = await stagedReport(args, () => inspectPage(args.model, model, found));
  report.keep();
  if (args.json) {
    printJson({
      model: args.model,
      ...(found.chosen.length < found.sites.length ? { found: found.sites.length } : {}),
      sites: found.chosen.map(siteJson),
      rejected: found.rejected.map(rejectionJson),
      ...report.json,
    });
    return;
  }
  if (args.quiet) return;
  const lines = [headline(path.basename(args.model), model), sums(found, args.why)];
  if (found.chosen.length < found.sites.length)
    lines.push(`chosen: ${counted(found.chosen.length, "site")} of ${found.sites.length}`);
  if (found.chosen.length > 0) lines.push("", siteTable(found.chosen));
  if (args.why && found.rejected.length > 0) lines.push("", rejectedTable(found.rejected));
  if (args.report !== undefined) lines.push("", `wrote ${args.report}`);
  process.stdout.write(`${lines.join("\n")}\n`);
}

/** What a report says of a model's residual connections. */
function inspectPage(file: string, model: Model, found: FoundResiduals): ReportContents {
  return {
    title: path.basename(file),
    verdict: {
      outcome: found.sites.length > 0 ? "passed" : "unsure",
      text: `${sums(found, true)}.`,
    },
    ladder: ladderOf(found, model),
    sections: [],
    warnings: found.warnings,
    dataFiles: dataPaths(file, model),
  };
}
