import path from "node:path";
import { ranking } from "../passes/distributed/export-options.ts";
import { hyperparameters, lasting } from "../passes/finetune/fit-options.ts";
import { bytes, counted } from "../passes/internal.ts";
import { type ExportedStep, exportStep, openModel } from "../src/index.ts";
import type { ExportStepArguments } from "./commands/export-step.ts";
import { namedLoss } from "./given-losses.ts";
import { printResult } from "./json.ts";
import { modelToTrain } from "./model-to-train.ts";
import { picked } from "./picked.ts";
import { printNote } from "./print.ts";
import { ort } from "./runtime.ts";
import { removeAfterwards } from "./staged.ts";
import { tell } from "./supervision.ts";
import { count } from "./text.ts";

/** Writes a model's training step into a folder, for ranks that train it together. */
export async function runExportStep(args: ExportStepArguments): Promise<void> {
  const given = await openModel(args.model, { trustLinks: args.trustLinks });
  const say = (kind: "note" | "warning", text: string) => {
    if (!args.quiet) printNote(kind, text);
  };
  const model = await modelToTrain(args, given, say);
  tell({ step: "writing the step" });
  const loss = await namedLoss(args.loss);
  const { target, train, optimizer, seed, dim, data, force } = args;
  const folder = args.output ?? path.join(path.dirname(args.model), "step");
  const step = await exportStep(model, folder, {
    ort,
    ...{ loss, target, train, optimizer, seed, data, force },
    ...picked(args, { ...ranking, ...lasting, ...hyperparameters.scheduleOptions }),
    output: args.outputName,
    dims: dim,
    lossOptions: picked(args, hyperparameters.lossOptions),
    optimizerOptions: picked(args, hyperparameters.optimizerOptions),
    onTemporary: removeAfterwards,
  });
  for (const note of step.notes) say("note", note);
  printResult(args, asJson(step), linesOf(step));
}

function asJson({ folder, manifest, sizes, notes }: ExportedStep) {
  const { batch, vector, weights, memory } = manifest;
  return { folder, batch, bytesPerStep: vector.bytes, weights, memory, sizes, notes };
}

function linesOf({ folder, manifest, sizes }: ExportedStep): string[] {
  const { batch, vector, weights, memory } = manifest;
  const trained = vector.gradients.reduce((sum, { length }) => sum + length, 0);
  const rank = Object.values(memory).reduce((a, b) => a + b, 0);
  const frozen = weights.files.reduce((sum, file) => sum + file.bytes, 0);
  const home = path.join(folder, weights.folder);
  const names = weights.files.map(({ name }) => name).join(", ");
  const own = Object.values(sizes).reduce((a, b) => a + b, 0);
  return [
    `${count(trained)} trained weights: each step sends ${bytes(vector.bytes)} (${counted(batch.rows, "row")} in a batch, ${batch.accumulate === 1 ? "1 batch" : `${batch.accumulate} batches`} a rank)`,
    ...(names === ""
      ? []
      : [
          `frozen weights: ${bytes(frozen)} in ${names} (${path.relative(".", home) || "."}), read once on each machine`,
        ]),
    `a rank needs about ${bytes(rank)} of memory besides the program: ${bytes(memory.frozen)} for frozen weights, ${bytes(memory.prepared)} for onnxruntime's copies of them, ${bytes(memory.batch)} for a batch, ${bytes(memory.trained)} for training`,
    `wrote ${folder}${folder.endsWith(path.sep) ? "" : path.sep}   ${bytes(own)}: ${Object.keys(sizes).join(", ")}`,
  ];
}
