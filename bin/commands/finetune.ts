import type { Argv, CommandModule } from "yargs";
import {
  dataReading,
  fitting,
  hyperparameters,
  teaching,
} from "../../passes/finetune/fit-options.ts";
import { choosing, inserting } from "../../passes/laurelize/insert-options.ts";
import type { FinetuneArguments } from "../finetune-arguments.ts";
import { fraction } from "../fraction.ts";
import type { Start } from "../supervise.ts";
import {
  finding,
  force,
  json,
  provider,
  quiet,
  report,
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
  threads,
  newHead,
  classes,
  ...course
} = fitting;

const { batchAxis, columns, scale, ...images } = dataReading;

/** Words with commas between them. */
const listed = (given: readonly string[] | undefined) => given?.flatMap((text) => text.split(","));

const data = {
  data: {
    type: "string",
    array: true,
    demandOption: true,
    describe:
      "an .npz with an array for each input of the model, and the target; several, or folders of them, are read as one; or a .csv or .jsonl; or a folder that has one folder of images for each class",
  },
  eval: {
    type: "string",
    array: true,
    describe: "validation data, which chooses the best epoch",
  },
  "batch-axis": { ...batchAxis, type: "string", array: true, nargs: 1 },
  columns: { ...columns, type: "string", array: true, nargs: 1 },
  scale: { ...scale, type: "string", coerce: fraction },
  ...images,
} as const;

const files = {
  output: {
    alias: "o",
    type: "string",
    describe:
      "where to write the tuned model; adapter, log, curve and state go beside it  [default: model.tuned.onnx]",
  },
  resume: {
    type: "boolean",
    default: false,
    describe: "continue an earlier run with the same output",
  },
  weights: {
    choices: ["inside", "as-inputs", "as-optional-inputs"],
    default: "inside",
    describe: "keep the tuned weights in the model, or make them its inputs",
  },
} as const;

const jsonLines = {
  "json-lines": {
    type: "boolean",
    default: false,
    describe: "print one JSON document a line on stdout: each step and epoch, then the result",
  },
} as const;

const options = {
  ...data,
  loss: {
    ...loss,
    type: "string",
    array: true,
    demandOption: true,
    describe: `${loss.describe}; for several outputs, OUTPUT=LOSS:TARGET*WEIGHT for each`,
  } as const,
  target,
  "output-name": { ...outputName, alias: "until" },
  ...teaching,
  ...hyperparameters.lossOptions,
  ...files,
  ...course,
  metrics: { ...fitting.metrics, nargs: 1, coerce: listed },
  optimizer,
  ...hyperparameters.optimizerOptions,
  train,
  "new-head": newHead,
  classes,
  threads,
  ...inserting,
  ...choosing,
  ...finding,
  ...force,
  ...report,
  ...json,
  ...jsonLines,
  ...quiet,
  ...provider,
  ...timeout,
  ...trustLinks,
};

/** `laurelize finetune`: train LAuReL's weights on the user's data. */
export const finetune = (start: Start): CommandModule<object, FinetuneArguments> => ({
  command: "finetune <model>",
  describe:
    "train the LAuReL weights of a model, which is laurelized first; or with --train or --new-head and no --variant, weights of its own alone",
  builder: (yargs) =>
    yargs
      .positional("model", { type: "string", demandOption: true, describe: "the .onnx file" })
      .options(withValues(options))
      .example(
        "$0 finetune model.onnx --data train.npz --eval val.npz --loss cross-entropy --target labels",
        "tune rw+lr at every site",
      )
      .example(
        "$0 finetune model.onnx --new-head fc --classes 7 --data train.npz --loss cross-entropy --target labels",
        "train a new last layer alone",
      ) as unknown as Argv<FinetuneArguments>,
  handler: (args) => start("finetune", args),
});
