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
import { readInputs } from "./inputs.ts";
import { installedRuntime } from "./installed-runtime.ts";
import { printResult, reportLine } from "./json.ts";
import { checkFree, checkOutput, filesOfModel } from "./output.ts";
import { withProgress } from "./progress.ts";
import { ort } from "./runtime.ts";
import { type StagedModel, staged } from "./staged.ts";
import { type WebPackage, webPackage } from "./web-package.ts";
import { webRuntime } from "./web-runtime.ts";

interface Checked {
  /** Null if it could not be checked. */
  readonly runs: boolean | null;
  readonly printed: readonly string[];
  /** What --json prints, after the model and the target. */
  readonly document: object;
  /** The run in onnxruntime-web. */
  readonly web?: WebCheck;
  /** What --split has made. */
  readonly pending?: StagedModel | undefined;
}

/** Reports whether a model runs elsewhere. */
export async function runCheck(args: CheckArguments): Promise<void> {
  const { target } = args;
  const version = versionOf(args);
  const model = await openModel(args.model, { trustLinks: args.trustLinks });
  checkReport(args, filesOfModel(args.model, model));
  const found =
    target === "web" ? await checkedForWeb(args, model) : await checkedFor(version, args, model);
  const { runs, printed, document, pending } = found;
  const page = await stagedReport(args, () => checkPage(target, model, found), pending);
  page.keep();
  process.exitCode = runs === null ? EXIT.notProved : runs ? EXIT.done : EXIT.checkFailed;
  printResult(args, { model: args.model, target, ...document, ...page.json }, [
    ...printed,
    ...reportLine(args, ""),
  ]);
}

/** Returns the version of onnxruntime that is the target; null for others. Refuses other targets. */
function versionOf({ target, split }: CheckArguments): string | null {
  if (target === "web") return null;
  if (split !== undefined)
    throw new UsageError(`--split is only for --target web (got ${target}).`);
  const [, version] = /^onnxruntime@(\d+\.\d+(?:\.\d+)?)$/.exec(target) ?? [];
  if (version === undefined && target !== "ios" && target !== "android")
    throw new UsageError(`--target must be web, onnxruntime@1.22, ios or android (got ${target}).`);
  return version ?? null;
}

/** Checks a model, or the files that --split makes of it, for the web. */
async function checkedForWeb(args: CheckArguments, given: Model): Promise<Checked> {
  const split = args.split === undefined ? null : await splitFiles(args, given, args.split);
  const file = split?.pending.path ?? args.model;
  const model = split ? await openModel(file) : given;
  const installed = webPackage();
  const { version = null, entries = [] } = installed ?? {};
  const { checked, placements } = await withProgress(args, "checking", async (report) => {
    report(0, "checking for the web");
    const checked = await checkForWeb(model, {
      ort,
      web: installed ? await webRuntime("--target web") : null,
      kernels: installed?.kernels,
      dims: args.dim,
      seed: args.seed,
      feeds: await readInputs(model, args.inputs),
    });
    report(0.6, "reading where nodes run in Chromium");
    const isPlaced = args.browser && checked.runs;
    return { checked, placements: isPlaced ? await placementsIn(installed!, file, model) : [] };
  });
  const { runs } = checked;
  if (split) model.close();
  if (runs === false) split?.pending.discard();
  const { written = null, pending } = (runs !== false && split) || {};
  const printed = webLines(split?.written.output ?? file, model, {
    checked,
    written,
    placements,
    version,
    entries,
  });
  const document = { ...checked, placements, onnxruntimeWeb: version, entries, written };
  return { runs, printed, document, web: checked, pending };
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
  const place = { file: output, externalData: null, copyData: null };
  checkOutput(place, args.model, args, { dataFiles: [] });
  for (const name of cut.dataFiles)
    checkFree(path.join(path.dirname(output), name), inputFiles, args.force);
  const pending = await staged(cut, output, args.force);
  const sizes = Object.fromEntries(
    cut.dataFiles.map((name) => [name, cut.folder!.open(name).size]),
  );
  return { pending, written: { output, bytes: cut.size, data: sizes } };
}

/** Checks a model for another onnxruntime, as far as the files here show. */
async function checkedFor(
  version: string | null,
  args: CheckArguments,
  model: Model,
): Promise<Checked> {
  const needs = modelNeeds(model);
  const here = installedRuntime()?.version ?? null;
  let runs: boolean | null = null;
  let reason = `no onnxruntime for ${args.target} is installed here`;
  if (version !== null && here !== null && `${here}.`.startsWith(`${version}.`)) {
    const error = await withProgress(args, "checking", (onProgress) => {
      onProgress(0, "loading the model");
      return loadError(model, { ort });
    });
    runs = error === null;
    reason = error ?? `onnxruntime-node ${here} loads it`;
  } else if (version !== null)
    reason = `onnxruntime-node here is ${here ?? "not installed"}; run npm i onnxruntime-node@${version} to check it`;
  const printed = needsLines(args.target, model, { runs, reason, needs });
  return { runs, printed, document: { runs, reason, needs } };
}

function checkPage(target: string, model: Model, { runs, printed, web }: Checked): ReportContents {
  const verdicts = {
    true: { outcome: "passed", text: `It runs on ${target}.` },
    false: { outcome: "failed", text: `It does not run on ${target}, or differs there.` },
    null: { outcome: "unsure", text: `It could not be checked for ${target}.` },
  } as const;
  return {
    title: `${model.source.name} on ${target}`,
    verdict: verdicts[`${runs}`],
    ladder: model,
    sections: [
      { title: "Check", content: lines(stripVTControlCharacters(printed.join("\n"))) },
      ...(web ? [functionSection("onnxruntime-web and onnxruntime-node", web.compared)] : []),
      ...tableSection("Findings", "Findings about the model and its target", web?.findings ?? [], {
        weight: ({ weight }) => weight,
        finding: ({ text }) => text,
      }),
    ],
    models: [model],
  };
}
