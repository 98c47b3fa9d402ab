import { ranking } from "../../passes/distributed/export-options.ts";
import { fitting, hyperparameters, lasting } from "../../passes/finetune/fit-options.ts";
import { inserting } from "../../passes/laurelize/insert-options.ts";
import { parseDims } from "../parse-options.ts";
import { command } from "./command.ts";
import { seed } from "./finetune.ts";
import type { InsertingArguments } from "./inserting.ts";
import { finding, force, output as outputFile, printing, running } from "./options.ts";

const { loss, target, output, optimizer, train, newHead, classes } = fitting;

const theLoss = {
  loss: { ...loss, type: "string", demandOption: true },
  target,
  outputName: { ...output, alias: "until" },
} as const;

const step = {
  ...outputFile("step beside the model", "folder to write"),
  dim: {
    type: "string",
    array: true,
    coerce: parseDims,
    describe: "size of a free dimension other than the batch, by its name (sequence=128)",
  },
  data: {
    type: "string",
    array: true,
    describe:
      "examples that show the sizes and the target's type: an .npz file, or a folder of them",
  },
  ...ranking,
  ...lasting,
  ...hyperparameters.scheduleOptions,
  optimizer,
} as const;

const weights = {
  train,
  newHead,
  classes,
  ...inserting,
  seed,
  ...finding,
  ...force,
  ...printing,
  ...running,
} as const;

/** `laurelize export-step`: a training step as a folder, for several machines. */
export const exportStep = command({
  command: "export-step <model>",
  describe: "write the training step as graphs and a manifest, to train on several machines",
  positionals: { model: "the .onnx file" },
  options: {
    ...theLoss,
    ...hyperparameters.lossOptions,
    ...step,
    ...hyperparameters.optimizerOptions,
    ...weights,
  } as typeof theLoss & typeof step & typeof weights,
  examples: [
    [
      "$0 export-step model.onnx --loss cross-entropy --target labels -o step/",
      "write graphs, initial values and a manifest; laurelize train-script writes what runs them",
    ],
  ],
  exitCodes: { 3: "no residual site" },
  written: "Results are written only with 0.",
});

/** Arguments of `laurelize export-step`, without the options of the loss and of the optimizer. */
export type ExportStepArguments = InsertingArguments<typeof exportStep>;
