import path from "node:path";
import { stripVTControlCharacters } from "node:util";
import type { WebCheck } from "../../src/index.ts";
import { lines, tableSection } from "./markup.ts";
import { functionSection } from "./proof-sections.ts";
import { ladderIn, type ReadModel, type ReportContents } from "./report-page.ts";

/** What is known of a model and where it is to run. */
interface Checked extends ReadModel {
  readonly target: string;
  /** Null if it could not be checked. */
  readonly runs: boolean | null;
  /** The lines that are printed. */
  readonly printed: readonly string[];
  /** The runs under onnxruntime-web, if that is the target. */
  readonly web: WebCheck | null;
}

/** Returns what a report says of a model and where it is to run. */
export async function checkPage(
  { file, model, target, runs, printed, web }: Checked,
  outputs: ReadonlyMap<string, string> = new Map(),
): Promise<ReportContents> {
  const verdicts = {
    true: { outcome: "passed", text: `It runs on ${target}.` },
    false: { outcome: "failed", text: `It does not run on ${target}, or differs there.` },
    null: { outcome: "unsure", text: `It could not be checked for ${target}.` },
  } as const;
  return {
    title: `${path.basename(file)} on ${target}`,
    verdict: verdicts[`${runs}`],
    ladder: await ladderIn(model),
    sections: [
      { title: "Check", content: lines(stripVTControlCharacters(printed.join("\n"))) },
      ...(web ? [functionSection("onnxruntime-web and onnxruntime-node", web.compared)] : []),
      ...tableSection(
        "Findings",
        "What is to be said of the model and its target",
        ["weight", "finding"],
        (web?.findings ?? []).map(({ weight, text }) => [weight, text]),
      ),
    ],
    models: [{ file, model }],
    outputs,
  };
}
