import type { Argv, CommandModule } from "yargs";
import { choosing, inserting } from "../../passes/laurelize/insert-options.ts";
import type { GivenOptions } from "../../src/options.ts";
import type { FinetuneArguments } from "../finetune-arguments.ts";
import { supervise } from "../supervise.ts";
import { finding, force, json, quiet, timeout, trustLinks, withValues } from "./options.ts";

const LABELS: ReadonlySet<unknown> = new Set(["cross-entropy", "distillation"]);

const distilling = ({ loss }: GivenOptions) =>
  loss === "distillation" ? null : `loss ${loss} is no distillation`;

/** Losses that take scores of classes, or of yes and no. */
const SCORES: ReadonlySet<unknown> = new Set([...LABELS, "binary-cross-entropy"]);

const scoring = ({ loss }: GivenOptions) =>
  SCORES.has(loss) ? null : `loss ${loss} takes values as they are`;

/** `laurelize finetune`: train LAuReL's weights on the user's data. */
export const finetune: CommandModule<object, FinetuneArguments> = {
  command: "finetune <model>",
  describe: "train the LAuReL weights of a model; a plain model is laurelized first",
  builder: (yargs) =>
    yargs
      .positional("model", { type: "string", demandOption: true, describe: "the .onnx file" })
      .options(
        withValues({
          data: {
            type: "string",
            array: true,
            nargs: 1,
            demandOption: true,
            describe:
              "an .npz with an array for each input of the model, and the target; several, or folders of them, are read as one",
          },
          eval: {
            type: "string",
            array: true,
            nargs: 1,
            describe: "validation data, which chooses the best epoch",
          },
          loss: {
            choices: [
              "cross-entropy",
              "binary-cross-entropy",
              "mse",
              "l1",
              "cosine",
              "distillation",
            ],
            demandOption: true,
            describe: "loss function",
          },
          target: {
            type: "string",
            describe: "array of the targets, by its name in the data",
            idle: ({ loss }) =>
              loss === "distillation" ? "a distillation follows the original model" : null,
          },
          "output-name": {
            alias: "until",
            type: "string",
            describe:
              "output to compute the loss on, or an inner value in front of an operator that has no gradient",
          },
          "class-axis": {
            type: "number",
            idle: ({ loss }) => (LABELS.has(loss) ? null : `loss ${loss} has no classes`),
            describe: "axis of the classes  [default: the one with which labels fit]",
          },
          shift: {
            type: "number",
            idle: ({ loss }) => (loss === "cross-entropy" ? null : `loss ${loss} has no labels`),
            describe:
              "positions by which labels are moved ahead of the output  [default: 1 if the target is a language model's input, else 0]",
          },
          logits: {
            type: "boolean",
            default: false,
            idle: scoring,
            describe: "the output holds logits, whatever the model ends in",
          },
          probabilities: {
            type: "boolean",
            default: false,
            idle: scoring,
            describe: "the output holds probabilities, whatever the model ends in",
          },
          "ignore-index": {
            type: "number",
            default: -100,
            idle: ({ loss }) => (loss === "cross-entropy" ? null : `loss ${loss} has no labels`),
            describe: "label that is left out of the loss",
          },
          temperature: {
            type: "number",
            default: 2,
            describe: "temperature of the distillation loss",
            idle: distilling,
          },
          distil: {
            choices: ["logits", "features"],
            default: "logits",
            idle: distilling,
            describe: "what the distillation loss compares",
          },
          output: {
            alias: "o",
            type: "string",
            describe:
              "where to write the tuned model; adapter, log, curve and state go beside it  [default: model.tuned.onnx]",
          },
          epochs: { alias: "e", type: "number", default: 10, describe: "number of epochs" },
          "batch-size": {
            alias: "b",
            type: "number",
            describe: "examples a step  [default: 32, or what the model fixes]",
          },
          lr: { type: "number", default: 1e-3, describe: "learning rate" },
          schedule: {
            choices: ["constant", "cosine"],
            default: "constant",
            describe: "learning rate schedule",
          },
          "schedule-steps": {
            type: "number",
            idle: ({ schedule }) => (schedule === "cosine" ? null : "only cosine has an end"),
            describe:
              "steps over which cosine falls to zero, so that --resume can add epochs  [default: all steps of the run]",
          },
          warmup: {
            type: "number",
            default: 0,
            describe: "steps over which the learning rate rises from zero",
          },
          optimizer: {
            choices: ["adamw", "sgd"],
            default: "adamw",
            describe: "optimizer",
          },
          momentum: {
            type: "number",
            default: 0.9,
            describe: "momentum of sgd",
            idle: ({ optimizer }) => (optimizer === "sgd" ? null : "only the optimizer sgd has it"),
          },
          "weight-decay": {
            type: "number",
            default: 0.01,
            describe: "weight decay of A, B and further weights; α, β and γ have none",
          },
          clip: {
            type: "number",
            default: 1,
            describe: "largest norm of all gradients together; 0 turns clipping off",
          },
          patience: {
            type: "number",
            describe: "stop after this many epochs without improvement",
          },
          train: {
            type: "string",
            array: true,
            nargs: 1,
            describe: "train initializers whose name matches a glob too, a head for instance",
          },
          resume: {
            type: "boolean",
            default: false,
            describe: "continue an earlier run with the same output",
          },
          weights: {
            choices: ["inside", "as-inputs"],
            default: "inside",
            describe: "keep the tuned weights in the model, or make them its inputs",
          },
          threads: {
            type: "number",
            default: 0,
            describe: "threads of onnxruntime; 0 for its choice",
          },
          ...inserting,
          ...choosing,
          ...finding,
          ...force,
          ...json,
          ...quiet,
          ...timeout,
          ...trustLinks,
        }),
      )
      .example(
        "$0 finetune model.onnx --data train.npz --eval val.npz --loss cross-entropy --target labels",
        "tune rw+lr at every site",
      ) as unknown as Argv<FinetuneArguments>,
  handler: (args) => supervise("finetune", args),
};
