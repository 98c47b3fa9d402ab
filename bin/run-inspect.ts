import { counted } from "../passes/internal.ts";
import {
  type FoundResiduals,
  ladderOf,
  type Model,
  openModel,
  rejectionJson,
  siteJson,
} from "../src/index.ts";
import type { InspectArguments } from "./commands/inspect.ts";
import { foundSites } from "./found-sites.ts";
import { checkReport, type ReportContents, stagedReport } from "./html/report-page.ts";
import { printResult, reportLine } from "./json.ts";
import { filesOfModel } from "./output.ts";
import { rejectedTable, siteTable } from "./tables.ts";
import { headline, sums } from "./text.ts";

/** Prints a model's residual connections. */
export async function runInspect(args: InspectArguments): Promise<void> {
  const model = await openModel(args.model, { trustLinks: args.trustLinks });
  checkReport(args, filesOfModel(args.model, model));
  const found = await foundSites(args, model);
  const report = await stagedReport(args, () => inspectPage(model, found));
  report.keep();
  const { sites, chosen, rejected } = found;
  const some = chosen.length < sites.length;
  const document = {
    model: args.model,
    ...(some ? { found: sites.length } : {}),
    sites: chosen.map(siteJson),
    rejected: rejected.map(rejectionJson),
    ...report.json,
  };
  printResult(args, document, [
    headline(model),
    sums(found, args.why),
    ...(some ? [`chosen: ${counted(chosen.length, "site")} of ${sites.length}`] : []),
    ...(chosen.length > 0 ? ["", ...siteTable(chosen)] : []),
    ...(args.why && rejected.length > 0 ? ["", ...rejectedTable(rejected)] : []),
    ...reportLine(args, ""),
  ]);
}

function inspectPage(model: Model, found: FoundResiduals): ReportContents {
  return {
    title: model.source.name,
    verdict: {
      outcome: found.sites.length > 0 ? "passed" : "unsure",
      text: `${sums(found, true)}.`,
    },
    ladder: ladderOf(found, model),
    sections: [],
    warnings: found.warnings,
    models: [model],
  };
}
