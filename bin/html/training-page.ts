import path from "node:path";
import type { FitResult } from "../../src/index.ts";
import { figures } from "../monitor.ts";
import { paragraph, type Section, table, tableSection } from "./markup.ts";
import { ladderIn, type ReadModel, type ReportContents } from "./report-page.ts";

/** Returns what a report says of a training: its curve, its epochs and its settings. */
export async function trainingPage(
  input: ReadModel,
  result: FitResult,
  curve: string,
  outputs: ReadonlyMap<string, string>,
): Promise<ReportContents> {
  const { stopped, error, advice, best, plan, history } = result;
  const at = history.epochs.find(({ epoch }) => epoch === best.epoch);
  const reached = at?.eval ?? at?.train ?? { loss: best.loss, metrics: {} };
  const before = history.before ? ` (before: ${figures(history.before)})` : "";
  const text =
    stopped === "diverged"
      ? `The training diverged${error ? `: ${error}` : "."}`
      : `Best after epoch ${best.epoch}: ${figures(reached)}${before}${stopped === "aborted" ? "; interrupted" : ""}.`;
  return {
    title: `${path.basename(input.file)}, fine-tuned`,
    verdict: { outcome: stopped === "diverged" ? "failed" : "passed", text },
    ladder: await ladderIn(result.model),
    sections: [
      { title: "Training curve", content: `<div class="curve">${curve}</div>` },
      ...epochsSection(result),
      {
        title: "Settings",
        content: [
          ...plan.notes.map(paragraph),
          ...(advice ? [paragraph(advice)] : []),
          settingsTable(result),
        ].join("\n"),
      },
    ],
    models: [input],
    outputs,
  };
}

function epochsSection({ history: { before, epochs } }: FitResult): Section[] {
  const measured = epochs.flatMap(({ train, eval: held }) => [train, ...(held ? [held] : [])]);
  const names = [...new Set(measured.flatMap(({ metrics }) => Object.keys(metrics)))];
  const hasEval = epochs.some((epoch) => epoch.eval);
  const cells = (of: { loss: number; metrics: Readonly<Record<string, number>> } | null) => [
    of?.loss ?? null,
    ...names.map((name) => of?.metrics[name] ?? null),
  ];
  const heads = (which: string) => ["loss", ...names].map((name) => `${which} ${name}`);
  const rows = epochs.map(({ epoch, step, train, eval: held }) => [
    String(epoch),
    step,
    ...cells(train),
    ...(hasEval ? cells(held ?? null) : []),
  ]);
  const first = before && hasEval ? [["before", 0, ...cells(null), ...cells(before)]] : [];
  return tableSection(
    "Epochs",
    "Loss and metrics after each epoch",
    ["epoch", "step", ...heads("training"), ...(hasEval ? heads("evaluation") : [])],
    [...first, ...rows],
  );
}

function settingsTable({ settings }: FitResult): string {
  const all = Object.entries({ ...settings.firm, ...settings.free });
  return table(
    "Every setting of the training",
    ["setting", "value"],
    all.map(([name, value]) => [
      name,
      typeof value === "string" ? value : JSON.stringify(value ?? null),
    ]),
  );
}
