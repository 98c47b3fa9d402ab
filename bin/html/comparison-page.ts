import path from "node:path";
import { stripVTControlCharacters } from "node:util";
import type { Comparison } from "../../src/index.ts";
import { comparisonLines } from "../comparison.ts";
import { printedLines } from "../print.ts";
import { lines, tableSection } from "./markup.ts";
import { outputsTable } from "./proof-sections.ts";
import type { ReadModel, ReportContents } from "./report-page.ts";

/** Returns what a report says of two models, `a` and `b` in files. */
export function comparisonPage(a: ReadModel, b: ReadModel, comparison: Comparison): ReportContents {
  const text = stripVTControlCharacters(printedLines(comparisonLines(comparison, true)));
  const [first] = text.split("\n");
  const { same, outputs, findings } = comparison;
  return {
    title: `${path.basename(a.file)} and ${path.basename(b.file)}`,
    verdict: { outcome: same ? "passed" : "failed", text: `${first}.` },
    ladder: b.model,
    sections: [
      { title: "Comparison", content: lines(text) },
      ...(outputs.length > 0
        ? [{ title: "Outputs", content: outputsTable("Each output of both models", outputs) }]
        : []),
      ...tableSection("Differences", "What differs besides the outputs", findings, {
        kind: ({ kind }) => kind,
        where: ({ where }) => where,
        what: ({ what }) => what,
        "counts as a difference": ({ harmless }) => (harmless ? "no" : "yes"),
      }),
    ],
    models: [a, b],
  };
}
