import type { FoldedModel, FoldProof, Model } from "../../src/index.ts";
import { type Section, tableSection } from "./markup.ts";
import { foldProofSections } from "./proof-sections.ts";
import type { ReportContents } from "./report-page.ts";

/** Returns what became of each site, and what was proved. */
export const foldSections = ({ sites, factors }: FoldedModel, proof: FoldProof): Section[] => [
  ...tableSection(
    "Fold",
    `What became of each site; ${factors} factors are multiplied at run time`,
    sites,
    {
      site: ({ site }) => site,
      outcome: ({ outcome }) => outcome,
      α: ({ alpha }) => alpha,
      β: ({ beta }) => beta,
      "low-rank map": ({ map }) => map,
      "why something is left": ({ reasons }) =>
        [...new Set(reasons.map(({ text }) => text))].join("; "),
    },
  ),
  ...foldProofSections(proof),
];

/** Returns what a report says of a folded model; the drawing is that of the model before. */
export function foldPage(model: Model, folded: FoldedModel, proof: FoldProof): ReportContents {
  const { passed, function: same } = proof;
  const text = passed
    ? "Proved: the folded model computes the same."
    : same.outcome === "not run"
      ? "Not written: the folded model could not be run."
      : "Not written: the folded model differs.";
  return {
    title: `${model.source.name}, folded`,
    verdict: { outcome: passed ? "passed" : "failed", text },
    ladder: model,
    sections: foldSections(folded, proof),
    models: [model],
  };
}
