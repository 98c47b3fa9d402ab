import type { Argv, CommandModule } from "yargs";
import { ranking } from "../../passes/distributed/export-options.ts";
import { fitting, hyperparameters } from "../../passes/finetune/fit-options.ts";
import { choosing, inserting } from "../../passes/laurelize/insert-options.ts";
import type { ExportStepArguments } from "../export-step-arguments.ts";
import type { Start } from "../supervise.ts";
import {
  finding,
  force,
  json,
  provider,
  quiet,
  timeout,
  trustLinks,
  withValues,
} from "./options.ts";

const {
  loss,
  target,
  output: outputName,
  optimizer,
  train,
  newHead,
  classes,
  threads: _,
  accumulate: __,
  metrics: ___,
  best: ____,
  ...course
} = fitting;

const options = {
  loss: { ...loss, type: "string", demandOption: true },
  target,
  "output-name": { ...outputName, alias: "until" },
  ...hyperparameters.lossOptions,
  output: {
    alias: "o",
    type: "string",
    describe: "folder to write  [default: step beside the model]",
  },
  dim: {
    type: "string",
    array: true,
    nargs: 1,
    describe: "size of a free dimension, name=128, but for the batch",
  },
  data: {
    type: "string",
    array: true,
    describe: "examples to take sizes and the target's type from: an .npz, or a folder of them",
  },
  "link-weights": {
    type: "boolean",
    default: false,
    describe: "leave frozen weights in the model's files, which each machine then needs",
  },
  ...ranking,
  ...course,
  optimizer,
  ...hyperparameters.optimizerOptions,
  train,
  "new-head": newHead,
  classes,
  ...inserting,
  ...choosing,
  ...finding,
  ...force,
  ...json,
  ...quiet,
  ...provider,
  ...timeout,
  ...trustLinks,
} as const;

/** `laurelize export-step`: a training step as a folder, for several machines. */
export const exportStep = (start: Start): CommandModule<object, ExportStepArguments> => ({
  command: "export-step <model>",
  describe: "write the training step as graphs and a manifest, to train on several machines",
  builder: (yargs) =>
    yargs
      .positional("model", { type: "string", demandOption: true, describe: "the .onnx file" })
      .options(withValues(options))
      .example(
        "$0 export-step model.onnx --loss cross-entropy --target labels -o step/",
        "graphs, start values and a manifest; laurelize train-script copies out what runs them",
      ) as unknown as Argv<ExportStepArguments>,
  handler: (args) => start("export-step", args),
});
