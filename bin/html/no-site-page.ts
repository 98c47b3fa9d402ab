import path from "node:path";
import { ladderOf, type Model, type NoSiteError } from "../../src/index.ts";
import { dataPaths, type ReportContents } from "./report-page.ts";

/** What a report says of a model in which no site is found, or none is chosen. */
export const noSitePage = (
  file: string,
  model: Model,
  { found, message }: NoSiteError,
): ReportContents => ({
  title: path.basename(file),
  verdict: { outcome: "failed", text: `Nothing is written: ${message}` },
  ladder: ladderOf(found, model),
  sections: [],
  warnings: found.warnings,
  dataFiles: dataPaths(file, model),
});
