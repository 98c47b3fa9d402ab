import path from "node:path";
import { stripVTControlCharacters } from "node:util";
import {
  checkForWeb,
  loadError,
  type Model,
  modelNeeds,
  openModel,
  splitModel,
  type WebCheck,
} from "../src/index.ts";
import { needsLines, webLines } from "./check-report.ts";
import { type Placement, placementsOf } from "./chromium.ts";
import type { CheckArguments } from "./commands/check.ts";
import { defaultOutput } from "./default-output.ts";
import { EXIT } from "./exit.ts";
import { UsageError } from "./failure.ts";
import { lines, tableSection } from "./html/markup.ts";
import { functionSection } from "./html/proof-sections.ts";
import { checkReport, type ReportContents, stagedReport } from "./html/report-page.ts";
import { parseDims, readInputs } from "./inputs.ts";
import { installedRuntime } from "./installed-runtime.ts";
import { printResult, reportLine } from "./json.ts";
import { checkFree, checkOutput, filesOfModel } from "./output.ts";
import { type Progress, withProgress } from "./progress.ts";
import { staged } from "./staged.ts";
import { type WebPackage, webPackage } from "./web-package.ts";
import { webRuntime } from "./web-runtime.ts";

/** Says whether a model runs elsewhere. */
export async function runCheck(args: CheckArguments): Promise<void> {
  const { target } = args;
  if (target === "web") return checkWeb(args);
  if (args.split !== undefined)
    throw new UsageError(`--split is only for --target web (got ${target}).`);
  const [, version] = /^onnxruntime@(\d+\.\d+(?:\.\d+)?)$/.exec(target) ?? [];
  if (version === undefined && target !== "ios" && target !== "android")
    throw new UsageError(`--target must be web, onnxruntime@1.22, ios or android (got ${target}).`);
  return checkElsewhere(args, version ?? null);
}

async function checkWeb(args: CheckArguments): Promise<void> {
  const given = await openModel(args.model, { trustLinks: args.trustLinks });
  checkReport(args, filesOfModel(args.model, given));
  const split = args.split === undefined ? null : await splitFiles(args, given, args.split);
  const file = split?.pending.path ?? args.model;
  const model = split ? await openModel(file) : given;
  const { checked, placements, installed } = await withProgress(args, "checking", (report) =>
    checkedForWeb(args, file, model, report),
  );
  const { version = null, entries = [] } = installed ?? {};
  const written = split && checked.runs !== false ? split.written : null;
  const printed = webLines(file, model, { checked, written, placements, version, entries });
  const { runs } = checked;
  const page = await stagedReport(
    args,
    () => checkPage(args, given, { runs, printed, web: checked }),
    written && split!.pending,
  );
  model.close();
  if (runs !== false) split?.pending.keep();
  else split?.pending.discard();
  page.keep();
  process.exitCode = exitOf(runs);
  const document = {
    model: args.model,
    target: "web",
    ...checked,
    placements,
    onnxruntimeWeb: version,
    entries,
    written,
    ...page.json,
  };
  printResult(args, document, [...printed, ...reportLine(args, "")]);
}

const exitOf = (runs: boolean | null) =>
  runs === null ? EXIT.notProved : runs ? EXIT.done : EXIT.checkFailed;

/** Checks the model in a file, and reads in Chromium where its nodes run. */
async function checkedForWeb(
  args: CheckArguments,
  file: string,
  model: Model,
  report: Progress["report"],
) {
  report(0, "checking for the web");
  const installed = webPackage();
  const web = installed ? await webRuntime("--target web") : null;
  const { ort } = await import("./runtime.ts");
  const checked = await checkForWeb(model, {
    ort,
    web,
    kernels: installed?.kernels,
    dims: parseDims(args.dim),
    seed: args.seed,
    feeds: args.inputs ? [await readInputs(ort, model, args.inputs)] : undefined,
  });
  report(0.6, "reading where nodes run in Chromium");
  const placements =
    installed && args.browser && checked.runs ? await placementsIn(installed, file, model) : [];
  return { checked, placements, installed };
}

/** The ways to import onnxruntime-web that run WebGPU, and where they put the nodes. */
async function placementsIn(
  { dist, entries }: WebPackage,
  file: string,
  { dataFiles }: Model,
): Promise<Placement[]> {
  const wanted = entries.filter(({ entry }) =>
    ["onnxruntime-web", "onnxruntime-web/webgpu"].includes(entry),
  );
  return placementsOf(
    wanted.map(({ entry, script }) => ({ dist, entry, script, model: file, data: dataFiles })),
  );
}

/** Cuts a model's weights into files, which have no names yet. */
async function splitFiles(args: CheckArguments, model: Model, size: number) {
  const output = args.output ?? defaultOutput("check", args.model);
  const cut = splitModel(model, path.basename(output), size);
  const inputFiles = filesOfModel(args.model, model);
  checkOutput({ file: output, data: null, copies: null }, args.model, args, { dataFiles: [] });
  for (const name of cut.dataFiles)
    checkFree(path.join(path.dirname(output), name), inputFiles, args.force);
  const pending = await staged(cut, output, args.force);
  const sizes = Object.fromEntries(
    cut.dataFiles.map((name) => [name, cut.folder!.open(name).size]),
  );
  return { pending, written: { output, bytes: cut.size, data: sizes } };
}

/** Checks a model for another onnxruntime, as far as the files here show. */
async function checkElsewhere(args: CheckArguments, version: string | null): Promise<void> {
  const model = await openModel(args.model, { trustLinks: args.trustLinks });
  checkReport(args, filesOfModel(args.model, model));
  const needs = modelNeeds(model);
  const here = installedRuntime()?.version ?? null;
  let runs: boolean | null = null;
  let reason = `no onnxruntime for ${args.target} is installed here`;
  if (version !== null && here !== null && `${here}.`.startsWith(`${version}.`)) {
    const { ort } = await import("./runtime.ts");
    const error = await withProgress(args, "checking", (onProgress) => {
      onProgress(0, "loading the model");
      return loadError(model, { ort });
    });
    runs = error === null;
    reason = error ?? `onnxruntime-node ${here} loads it`;
  } else if (version !== null)
    reason = `onnxruntime-node here is ${here ?? "not installed"}; run npm i onnxruntime-node@${version} to check it`;
  process.exitCode = exitOf(runs);
  const { model: file, target } = args;
  const printed = needsLines(target, model, { runs, reason, needs });
  const page = await stagedReport(args, () => checkPage(args, model, { runs, printed, web: null }));
  page.keep();
  const document = { model: file, target, runs, reason, needs, ...page.json };
  printResult(args, document, [...printed, ...reportLine(args, "")]);
}

/** What was found: null if it could not be checked, the lines that are printed, and runs on the web. */
interface Checked {
  readonly runs: boolean | null;
  readonly printed: readonly string[];
  readonly web: WebCheck | null;
}

/** Returns what a report says of a model and where it is to run. */
function checkPage(
  { model: file, target }: CheckArguments,
  model: Model,
  { runs, printed, web }: Checked,
): ReportContents {
  const verdicts = {
    true: { outcome: "passed", text: `It runs on ${target}.` },
    false: { outcome: "failed", text: `It does not run on ${target}, or differs there.` },
    null: { outcome: "unsure", text: `It could not be checked for ${target}.` },
  } as const;
  return {
    title: `${path.basename(file)} on ${target}`,
    verdict: verdicts[`${runs}`],
    ladder: model,
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
  };
}
