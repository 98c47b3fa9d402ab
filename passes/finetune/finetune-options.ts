import { object, texts } from "../../src/arguments.ts";
import type { Model } from "../../src/model.ts";
import type { ValuesOf } from "../../src/option-values.ts";
import { type Declared, type Given, type Options, positiveInteger } from "../../src/options.ts";
import { type ScheduleOptions, scheduleOptions } from "../schedules/schedule.ts";
import type { StepOptions } from "./step-options.ts";
import { stepOptions } from "./step-options.ts";
import type { Reading } from "./target-reading.ts";
import type { LossTerm } from "./terms.ts";

/** How to fine-tune. Batches bring the model's inputs and the target, by name. */
export interface FinetuneOptions
  extends Omit<StepOptions, "inputs" | "target" | "arrays" | "losses">,
    Given<ValuesOf<typeof running> & ScheduleOptions> {
  /** Several losses, of which the weighted sum is trained, in place of one. */
  readonly losses?: readonly LossTerm[] | undefined;
  /** The model whose outputs a distillation follows: the original. */
  readonly teacher?: Model | undefined;
  /** Metrics of evaluations by their names, beside those of the loss: "f1-macro", "top-5". */
  readonly metrics?: readonly string[] | undefined;
}

/** What is read from the data, and how it is run, as the command line and the API offer it. */
export const running = {
  target: {
    type: "string",
    describe: "name of the array or column of the data that holds the targets",
    idle: ({ loss }) =>
      [loss].flat().every((name) => name === "distillation")
        ? "a distillation follows the original model"
        : null,
  },
  accumulate: {
    ...positiveInteger,
    default: 1,
    describe: "number of batches whose gradients make one step, as if they were one batch",
  },
  threads: {
    type: "number",
    default: 0,
    range: { integer: true, min: 0 },
    describe: "number of onnxruntime threads; 0 lets onnxruntime choose",
  },
} as const satisfies Options;

const { inputs: _, arrays: __, ...steps } = stepOptions;

/** The options of a training, as they are checked. */
export const finetuneOptions: Declared<FinetuneOptions> = {
  ...steps,
  ...running,
  ...scheduleOptions,
  metrics: texts,
  teacher: object,
};

/** Figures of one step; all are means over its batch. */
export interface Step {
  /** From 1. */
  readonly step: number;
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
  /** Number of examples: labels that count, or elements. */
  readonly examples: number;
  readonly lr: number;
  /** Norm of all gradients together, before clipping. */
  readonly norm: number;
}

/** How one of several losses is computed. */
export interface TermPlan {
  /** Its output's name, with the loss's if the output has several. */
  readonly label: string;
  readonly loss: string;
  readonly output: string;
  readonly weight: number;
  readonly reading: Reading;
}

/** How a loss is computed on a model and its data; of several losses, the first. */
export interface LossPlan {
  readonly terms: readonly TermPlan[];
  /** The output, or value inside, that the loss is computed on. */
  readonly output: string;
  readonly reading: Reading;
  /** What a user must know of it, a sentence each; that of probabilities first. */
  readonly notes: readonly string[];
}
