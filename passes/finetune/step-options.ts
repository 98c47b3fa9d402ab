import { callbacks, object, withOrt } from "../../src/arguments.ts";
import type { Declared, Given, Options } from "../../src/options.ts";
import type { Ort } from "../../src/ort/session.ts";
import type { GradientRules } from "../gradient/rule.ts";
import { type LossName, type LossOptions, losses, lossOptions } from "../losses/index.ts";
import {
  type OptimizerName,
  type OptimizerOptions,
  optimizerOptions,
  optimizers,
} from "../optimizers/index.ts";
import type { LossTarget } from "./attach-loss.ts";

/** What is trained, towards what, and how. */
export interface StepOptions {
  /** onnxruntime, which infers the shapes. */
  readonly ort: Ort;
  /** Loss function by its name, "cross-entropy" for instance. */
  readonly loss: LossName;
  /** The target: the name it gets as an input, its type, and its shape in one batch. */
  readonly target: LossTarget;
  /** Shape of each of the model's inputs in one batch, by name. */
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  /** Output, or value inside, that the loss is attached to; the only output of floats by default. */
  readonly output?: string | undefined;
  /** Globs of further initializers that are trained with LAuReL's weights. */
  readonly train?: readonly string[] | undefined;
  /** Optimizer by its name; "adamw" by default. */
  readonly optimizer?: OptimizerName | undefined;
  /** Options of the loss; those of other losses have no effect. */
  readonly lossOptions?: Given<LossOptions> | undefined;
  /** Options of the optimizer; those of other optimizers have no effect. */
  readonly optimizerOptions?: Given<OptimizerOptions> | undefined;
  /** Gradient rules of your own by operator, as `differentiate` takes them. */
  readonly rules?: GradientRules | undefined;
}

/** What is trained, and towards what, as the command line and the API offer it. */
export const training = {
  loss: {
    type: "string",
    choices: losses.map(({ name }) => name),
    describe: "loss function",
  },
  output: {
    type: "string",
    describe:
      "output to compute the loss on, or an inner value in front of an operator that has no gradient",
  },
  train: {
    type: "string",
    array: true,
    describe: "train initializers whose name matches a glob too, a head for instance",
  },
  optimizer: {
    type: "string",
    choices: optimizers.map(({ name }) => name),
    default: optimizers[0].name,
    describe: "optimizer",
  },
} as const satisfies Options;

/** The options of a step graph, as they are checked. */
export const stepOptions: Declared<StepOptions> = {
  ...withOrt,
  ...training,
  target: object,
  inputs: object,
  lossOptions: object,
  optimizerOptions: object,
  rules: callbacks,
};

/** The options within those of a step graph, as they are checked. */
export const withinStep = { lossOptions, optimizerOptions };
