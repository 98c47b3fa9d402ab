import { stripVTControlCharacters } from "node:util";
import type { Comparison, Model } from "../../src/index.ts";
import { comparisonLines } from "../comparison.ts";
import { printedLines } from "../print.ts";
import { lines, tableSection } from "./markup.ts";
import { outputsTable } from "./proof-sections.ts";
import type { ReportContents } from "./report-page.ts";

/** Returns the title of a report on two models. */
export const titleOfTwo = (a: Model, b: Model): string => `${a.source.name} and ${b.source.name}`;

/** Returns what a report says of two models. */
export function comparisonPage(a: Model, b: Model, comparison: Comparison): ReportContents {
  const text = stripVTControlCharacters(printedLines(comparisonLines(comparison, true)));
  const [first] = text.split("\n");
  const { same, outputs, findings } = comparison;
  return {
    title: titleOfTwo(a, b),
    verdict: { outcome: same ? "passed" : "failed", text: `${first}.` },
    ladder: b,
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
