import { callbacks, object, objects, withOrt } from "../../src/arguments.ts";
import type { ValuesOf } from "../../src/option-values.ts";
import type { Declared, Given, Options } from "../../src/options.ts";
import type { Ort } from "../../src/ort/session.ts";
import type { GradientRules } from "../gradient/rule.ts";
import { type LossGiven, type LossOptions, losses, lossOptions } from "../losses/index.ts";
import type { ChosenLoss } from "../losses/loss.ts";
import { type OptimizerOptions, optimizerOptions, optimizers } from "../optimizers/index.ts";
import { type ScheduleOptions, scheduleOptions } from "../schedules/schedule.ts";
import type { LossTarget } from "./target-reading.ts";
import type { LossTerm } from "./terms.ts";

/** One loss of a step. */
export interface StepTerm extends Pick<LossTerm, "output" | "weight"> {
  /** Loss function by its name, or a graph that computes it. */
  readonly loss?: LossGiven | undefined;
  /** The loss, if it is known already. */
  readonly chosen?: ChosenLoss | undefined;
  /** The target: the name it gets as an input, its type, and its shape in one batch. */
  readonly target?: LossTarget | undefined;
  /** Arrays of the data that options of the loss name, by option. */
  readonly arrays?: Readonly<Record<string, LossTarget>> | undefined;
  /** Options of the loss; those of other losses have no effect. */
  readonly lossOptions?: Given<LossOptions> | undefined;
}

/** What is trained, towards what, and how: one loss, or several in `losses`. */
export interface StepOptions
  extends Omit<StepTerm, "chosen" | "weight">,
    Given<ValuesOf<Pick<typeof training, "train" | "optimizer">>>,
    Given<Pick<ScheduleOptions, "schedule" | "cycleMomentum">> {
  /** onnxruntime, which infers the shapes. */
  readonly ort: Ort;
  /** Several losses, of which the weighted sum is trained. */
  readonly losses?: readonly StepTerm[] | undefined;
  /** Shape of each of the model's inputs in one batch, by name. */
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  /** Options of the optimizer; those of other optimizers have no effect. */
  readonly optimizerOptions?: Given<OptimizerOptions> | undefined;
  /** Gradient rules of your own by operator, as `differentiate` takes them. */
  readonly rules?: GradientRules | undefined;
}

/** What is trained, and towards what, as the command line and the API offer it. */
export const training = {
  loss: {
    describe: `loss function: ${losses.map(({ name }) => name).join(", ")}; or an .onnx file with inputs output, target and arrays of the data`,
  },
  output: {
    type: "string",
    describe:
      "output to compute the loss on, or an inner value before an operator that has no gradient",
  },
  train: {
    type: "string",
    array: true,
    describe: "also train weights whose names match this glob, such as a head ('fc.*')",
  },
  optimizer: {
    type: "string",
    choices: optimizers.map(({ name }) => name),
    default: optimizers[0].name,
    describe: "optimizer, as in PyTorch",
  },
} as const satisfies Options;

/** The options of a step graph, as they are checked. */
export const stepOptions: Declared<StepOptions> = {
  ...withOrt,
  ...training,
  schedule: scheduleOptions.schedule,
  cycleMomentum: scheduleOptions.cycleMomentum,
  losses: objects,
  target: object,
  arrays: object,
  inputs: object,
  lossOptions: object,
  optimizerOptions: object,
  rules: callbacks,
};

/** The options within those of a step graph, as they are checked. */
export const withinStep = { lossOptions, optimizerOptions };
