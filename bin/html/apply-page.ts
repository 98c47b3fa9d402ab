import path from "node:path";
import type { FoldedModel, FoldProof, Model } from "../../src/index.ts";
import { foldSections } from "./fold-page.ts";
import { paragraph } from "./markup.ts";
import { ladderIn, type ReadModel, type ReportContents } from "./report-page.ts";

/** What an adapter was put into, and what came of it. */
interface AppliedAdapter extends ReadModel {
  readonly adapter: string;
  /** The model with the adapter's weights, before any fold. */
  readonly applied: Model;
  /** What was done, a clause. */
  readonly done: string;
  readonly folded: { readonly folded: FoldedModel; readonly proof: FoldProof } | null;
}

/** Returns what a report says of a model that an adapter was put into. */
export async function applyPage(
  { file, model, adapter, applied, done, folded }: AppliedAdapter,
  outputs: ReadonlyMap<string, string>,
): Promise<ReportContents> {
  return {
    title: `${path.basename(file)} with ${path.basename(adapter)}`,
    verdict: {
      outcome: "passed",
      text: folded ? "Applied, folded and proved." : "Applied: model and adapter belong together.",
    },
    ladder: await ladderIn(applied),
    sections: [
      { title: "Adapter", content: paragraph(`${done}.`) },
      ...(folded ? foldSections(folded.folded, folded.proof) : []),
    ],
    models: [{ file, model }],
    outputs,
  };
}
