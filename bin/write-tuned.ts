import path from "node:path";
import { bytes, counted } from "../passes/internal.ts";
import {
  adapterBytes,
  applyAdapter,
  type Epoch,
  type FitResult,
  type Model,
  trainingJson,
  weightsAsInputs,
} from "../src/index.ts";
import type { FinetuneArguments } from "./commands/finetune.ts";
import type { Files } from "./finetune-files.ts";
import { type Columns, paragraph, type Section, table, tableSection } from "./html/markup.ts";
import { type ReportContents, stagedReport } from "./html/report-page.ts";
import { jsonFile, printResult, reportLine } from "./json.ts";
import { figures } from "./monitor.ts";
import { ort } from "./runtime.ts";
import { staged } from "./staged.ts";

/** Writes tuned model, adapter, log and loss curve, all of them or none, and reports. */
export async function writeTuned(
  args: FinetuneArguments,
  files: Files,
  given: Model,
  result: FitResult,
): Promise<void> {
  const final = await tunedFile(args, files, given, result);
  const curve = await curveOf(args, result);
  const beside = new Map([
    [path.basename(files.adapter), adapterBytes(result.adapter)],
    [path.basename(files.log), jsonFile(logOf(args, result))],
    [path.basename(files.curve), new TextEncoder().encode(curve)],
  ]);
  const pending = await staged(final, files.model, args.force || args.resume, beside);
  const page = await stagedReport(args, () => trainingPage(given, result, curve), pending);
  page.keep();
  const { quiet } = args;
  const { steps, ...summary } = trainingJson(result);
  const document = { ...summary, files, steps, ...page.json };
  const lines = [...linesOf(files, final, result), ...reportLine(args)];
  printResult({ json: args.json || args.jsonLines, quiet }, document, lines);
}

/** The model that is written: its weights inside, as inputs, or in a data file. */
async function tunedFile(
  args: FinetuneArguments,
  files: Files,
  given: Model,
  { model, adapter }: FitResult,
): Promise<Model> {
  const externalData = files.data && path.basename(files.data);
  const { weights } = args;
  if (weights === "as-optional-inputs")
    return applyAdapter(given, adapter, { ort, weights, externalData });
  const tuned = externalData ? await applyAdapter(given, adapter, { ort, externalData }) : model;
  const names = adapter.tensors.map(({ name }) => name);
  return weights === "as-inputs" ? weightsAsInputs(tuned, names) : tuned;
}

function logOf({ model, data, eval: held }: FinetuneArguments, result: FitResult) {
  const { adapter, plan, settings, history } = result;
  const { output, reading } = plan;
  const { notes, steps: _, ...summary } = trainingJson(result);
  return {
    model,
    variant: adapter.laurelizations.map((each) => each.variant).join(", ") || null,
    newHead: adapter.tuning?.head ?? null,
    data: listed(data),
    eval: listed(held),
    classes: result.classes,
    computed: { output, classAxis: reading.axis, shift: reading.shift, notes },
    settings: { ...settings.firm, ...settings.free },
    ...summary,
    ...(result.best.confusion ? { confusion: result.best.confusion } : {}),
    steps: history.steps,
  };
}

/** One file as its path, several as a list. */
const listed = (files: readonly string[] | undefined) =>
  files?.length === 1 ? files[0] : (files ?? null);

/** Returns "after epoch 3: loss 0.05 (before: loss 0.62)". */
function bestText({ history: { epochs, before }, best }: FitResult): string {
  const at = epochs.find(({ epoch }) => epoch === best.epoch);
  const reached = figures(at?.eval ?? at?.train ?? { loss: best.loss, metrics: {} });
  return `after epoch ${best.epoch}: ${reached}${before ? ` (before: ${figures(before)})` : ""}`;
}

function linesOf(files: Files, final: Model, result: FitResult): string[] {
  const { plan, history, advice } = result;
  const others = [files.log, files.curve, files.state].map((file) => path.basename(file));
  return [
    ...plan.notes,
    `${counted(history.steps.length, "step")}, best ${bestText(result)}`,
    ...(advice ? [advice] : []),
    `wrote ${files.model}   ${bytes(final.size)}`,
    `wrote ${files.adapter}, ${others.join(", ")}`,
  ];
}

async function curveOf(args: FinetuneArguments, { history }: FitResult): Promise<string> {
  const { steps, epochs, before } = history;
  const evaluated = epochs.flatMap((each) => (each.eval ? [[each.step, each.eval] as const] : []));
  const figure = figureOf(evaluated[0]?.[1].metrics ?? steps[0]?.metrics ?? {}, args.best);
  const { lossCurve } = await import("./loss-curve.ts");
  return lossCurve(
    {
      train: steps.map(({ step, loss }) => [step, loss]),
      eval: [...(before ? [[0, before] as const] : []), ...evaluated].map(
        ([step, { loss, metrics }]) => (figure ? [step, loss, metrics[figure]] : [step, loss]),
      ),
    },
    path.basename(args.model),
    figure,
  );
}

/** The figure that is drawn beside the loss: the one that chooses, or the first metric. */
function figureOf(metrics: object, best: string): string | undefined {
  const names = Object.keys(metrics).filter((name) => !/(^|\.)loss$/.test(name));
  return names.find((name) => name === best || name.endsWith(`.${best}`)) ?? names[0];
}

function trainingPage(given: Model, result: FitResult, curve: string): ReportContents {
  const { stopped, error, advice, plan } = result;
  const text =
    stopped === "diverged"
      ? `The training diverged${error ? `: ${error}` : "."}`
      : `Best ${bestText(result)}${stopped === "aborted" ? "; interrupted" : ""}.`;
  return {
    title: `${given.source.name}, fine-tuned`,
    verdict: { outcome: stopped === "diverged" ? "failed" : "passed", text },
    ladder: result.model,
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
    models: [given],
  };
}

function epochsSection({ history: { before, epochs } }: FitResult): Section[] {
  const measured = epochs.flatMap(({ train, eval: held }) => [train, ...(held ? [held] : [])]);
  const names = [...new Set(measured.flatMap(({ metrics }) => Object.keys(metrics)))];
  const hasEval = epochs.some((epoch) => epoch.eval);
  const columns = (which: string, of: "train" | "eval"): Columns<EpochRow> => ({
    [`${which} loss`]: (row) => row[of]?.loss ?? null,
    ...Object.fromEntries(
      names.map((name) => [`${which} ${name}`, (row: EpochRow) => row[of]?.metrics[name] ?? null]),
    ),
  });
  const first = before && hasEval ? [{ epoch: "before", step: 0, eval: before }] : [];
  return tableSection<EpochRow>(
    "Epochs",
    "Loss and metrics after each epoch",
    [...first, ...epochs],
    {
      epoch: ({ epoch }) => String(epoch),
      step: ({ step }) => step,
      ...columns("training", "train"),
      ...(hasEval ? columns("evaluation", "eval") : {}),
    },
  );
}

/** What the table of epochs shows in a row; the first row has no training. */
type EpochRow = Pick<Epoch, "step"> &
  Partial<Pick<Epoch, "train" | "eval">> & { readonly epoch: number | string };

function settingsTable({ settings }: FitResult): string {
  const all = Object.entries({ ...settings.firm, ...settings.free });
  return table("Every setting of the training", all, {
    setting: ([name]) => name,
    value: ([, value]) => (typeof value === "string" ? value : JSON.stringify(value ?? null)),
  });
}
