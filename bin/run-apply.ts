import path from "node:path";
import { bytes, counted } from "../passes/internal.ts";
import {
  applyAdapter,
  type FoldedModel,
  type FoldProof,
  foldProved,
  InputError,
  isLaurelized,
  type Model,
  openAdapter,
  openModel,
} from "../src/index.ts";
import type { ApplyArguments } from "./commands/apply.ts";
import { EXIT } from "./exit.ts";
import { foldSections } from "./html/fold-page.ts";
import { paragraph } from "./html/markup.ts";
import { checkReport, type ReportContents, stagedReport } from "./html/report-page.ts";
import { printResult, reportLine } from "./json.ts";
import {
  checkCopies,
  checkFree,
  checkOutput,
  filesOfModel,
  type Output,
  outputOf,
} from "./output.ts";
import { withProgress } from "./progress.ts";
import { ort } from "./runtime.ts";
import { staged } from "./staged.ts";

const PUT = {
  inside: "with",
  "as-inputs": "with inputs for",
  "as-optional-inputs": "with optional inputs for",
} as const satisfies Record<ApplyArguments["weights"], string>;

/** Puts an adapter into its model and writes the tuned model. */
export async function runApply(args: ApplyArguments): Promise<void> {
  const model = await openModel(args.model, { trustLinks: args.trustLinks });
  const adapter = await openAdapter(args.adapter);
  const target = outputOf("apply", args, model);
  const { file: output, ...where } = target;
  if (args.fold && args.weights !== "inside")
    throw new InputError(
      "--fold merges the adapter's weights into others, but --weights as-inputs keeps them outside the model; give only one of them.",
    );
  const { applied, folded } = await withProgress(args, "applying", async (onProgress) => {
    onProgress(0, "adapter");
    const applied = await applyAdapter(model, adapter, { ort, weights: args.weights, ...where });
    if (!args.fold) return { applied, folded: null };
    const result = await foldProved(applied, { ort, ...where, onProgress });
    if (!result.proof.passed) throw unproved(result.proof);
    return { applied, folded: result };
  });
  const tuned = folded?.folded.model ?? applied;
  checkPlaces(args, target, model, tuned);
  const pending = await staged(tuned, output, args.force);
  const tensors = adapter.tensors.length;
  const laurelizedFirst = !isLaurelized(model) && isLaurelized(applied);
  const from = laurelizedFirst ? ", laurelized as the adapter's model was" : "";
  const done = `${PUT[args.weights]} ${counted(tensors, "tensor")} of ${path.basename(args.adapter)}${from}`;
  const outcome = { model, applied, done, folded };
  const page = await stagedReport(args, () => applyPage(args.adapter, outcome), pending);
  page.keep();
  const document = {
    input: args.model,
    adapter: args.adapter,
    output,
    bytes: tuned.size,
    tensors,
    weights: args.weights,
    laurelizedFirst,
    ...(folded ? { folded: { factors: folded.folded.factors, sites: folded.folded.sites } } : {}),
    ...page.json,
  };
  printResult(args, document, [
    `wrote ${output}   ${bytes(tuned.size)}, ${done}${folded ? ", folded and proved" : ""}`,
    ...reportLine(args),
  ]);
}

function checkPlaces(args: ApplyArguments, target: Output, model: Model, tuned: Model): void {
  const { file: output, copyData } = target;
  const inputFiles = [...filesOfModel(args.model, model), args.adapter];
  const externalData = tuned.folder?.companion ? target.externalData : null;
  const data = externalData ? [path.join(path.dirname(output), externalData)] : [];
  for (const file of [output, ...data]) checkFree(file, inputFiles, args.force);
  const read = model.dataFiles.filter((name) => copyData || tuned.dataFiles.includes(name));
  checkOutput({ ...target, externalData }, args.model, args, { dataFiles: read });
  checkCopies(tuned, output, inputFiles, args.force);
  checkReport(args, [...inputFiles, output]);
}

/** Returns an error with an exit code for a fold whose proof fails. */
function unproved(proof: FoldProof): Error {
  const hasRun = proof.function.outcome !== "not run";
  const why = hasRun ? "differs from the tuned one" : "could not be run";
  const text = `the folded model ${why}; leave out --fold, or run laurelize fold to see the numbers`;
  return Object.assign(new Error(text), { exitCode: hasRun ? EXIT.checkFailed : EXIT.notProved });
}

interface Outcome {
  readonly model: Model;
  /** The model with the adapter's weights, before any fold. */
  readonly applied: Model;
  /** What was done, a clause. */
  readonly done: string;
  readonly folded: { readonly folded: FoldedModel; readonly proof: FoldProof } | null;
}

function applyPage(adapter: string, { model, applied, done, folded }: Outcome): ReportContents {
  return {
    title: `${model.source.name} with ${path.basename(adapter)}`,
    verdict: {
      outcome: "passed",
      text: folded ? "Applied, folded and proved." : "Applied: model and adapter belong together.",
    },
    ladder: applied,
    sections: [
      { title: "Adapter", content: paragraph(`${done}.`) },
      ...(folded ? foldSections(folded.folded, folded.proof) : []),
    ],
    models: [model],
  };
}
