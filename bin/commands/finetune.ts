import { putting } from "../../passes/adapter/adapter-options.ts";
import { fitting, hyperparameters, teaching } from "../../passes/finetune/fit-options.ts";
import { reading } from "../../passes/finetune/reading-options.ts";
import { inserting } from "../../passes/laurelize/insert-options.ts";
import { parseBatchAxes, parseColumns, wordsIn } from "../parse-options.ts";
import { command, flag } from "./command.ts";
import type { InsertingArguments } from "./inserting.ts";
import { finding, force, output as outputFile, printing, report, running } from "./options.ts";

const { loss, target, output, optimizer, train, threads, newHead, classes, ...others } = fitting;

/** How long is trained, at which rates, and what is kept. */
export const course = others;

const { batchAxis, columns, scale, ...images } = reading;

/** Reads a number, or a fraction such as 1/255; NaN if it is neither. */
function fraction(text: string): number {
  const parts = text.split("/").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  const [over, under = 1] = parts;
  return parts.length > 2 ? Number.NaN : over / under;
}

const lossAndData = {
  data: {
    type: "string",
    array: true,
    demandOption: true,
    describe:
      "training data: .npz files (or folders of them) with an array for each input and for the target; a .csv or .jsonl file; or a folder of images with a subfolder for each class",
  },
  eval: {
    type: "string",
    array: true,
    describe: "validation data, in the same forms as --data; it chooses the best epoch",
  },
  batchAxis: { ...batchAxis, type: "string", array: true, coerce: parseBatchAxes },
  columns: { ...columns, type: "string", array: true, coerce: parseColumns },
  scale: { ...scale, type: "string", coerce: fraction },
  ...images,
  loss: {
    ...loss,
    type: "string",
    array: true,
    demandOption: true,
    describe: `${loss.describe}; for several outputs, OUTPUT=LOSS:TARGET*WEIGHT (boxes=huber:boxes*0.5) for each`,
  },
  target,
  outputName: { ...output, alias: "until" },
  ...teaching,
} as const;

const run = {
  ...outputFile(
    "model.tuned.onnx beside the input",
    "file for the tuned model; adapter, log, curve and checkpoint are written beside it",
  ),
  resume: flag("continue an earlier run with the same output, from the checkpoint beside it"),
  weights: {
    ...putting.weights,
    describe:
      "keep the tuned weights in the model (inside), make them its inputs, or make them inputs with the weights as defaults",
  },
  ...course,
  metrics: { ...fitting.metrics, coerce: (given?: string[]) => given && wordsIn(given) },
  optimizer,
} as const;

/** The seed of a command that trains. */
export const seed = {
  ...inserting.seed,
  describe: "seed of the new weights and of the order of the examples",
} as const;

const weights = {
  train,
  newHead,
  classes,
  threads,
  ...inserting,
  seed,
  ...finding,
  ...force,
  ...report,
  ...printing,
  jsonLines: flag(
    "print one JSON document per line on stdout: each step and epoch, then the result",
  ),
  ...running,
} as const;

/** `laurelize finetune`: train LAuReL's weights on the user's data. */
export const finetune = command({
  command: "finetune <model>",
  describe:
    "laurelize a model, unless it is laurelized already, and train the new weights; with --train or --new-head and no --variant, train only those weights",
  positionals: { model: "the .onnx file" },
  options: {
    ...lossAndData,
    ...hyperparameters.lossOptions,
    ...run,
    ...hyperparameters.optimizerOptions,
    ...weights,
  } as typeof lossAndData & typeof run & typeof weights,
  examples: [
    [
      "$0 finetune model.onnx --data train.npz --eval val.npz --loss cross-entropy --target labels",
      "tune rw+lr at every site",
    ],
    [
      "$0 finetune model.onnx --new-head fc --classes 7 --data train.npz --loss cross-entropy --target labels",
      "train only a new last layer",
    ],
  ],
  exitCodes: { 1: "the training diverged", 3: "no residual site" },
  written: "With 1 and 130 it writes the best weights so far.",
});

/** Arguments of `laurelize finetune`, without the options of the loss and of the optimizer. */
export type FinetuneArguments = InsertingArguments<typeof finetune>;
