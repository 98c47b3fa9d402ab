import { callback, callbacks, object, text, withOrt } from "../../src/arguments.ts";
import { type ValuesOf, valuesOf } from "../../src/option-values.ts";
import { type Declared, type Given, type Options, positiveInteger } from "../../src/options.ts";
import type { FitData } from "../finetune/batch-source.ts";
import type { FinetuneOptions } from "../finetune/finetune-options.ts";
import { lasting, seeding } from "../finetune/fit-options.ts";
import { training } from "../finetune/step-options.ts";
import type { LossGiven } from "../losses/index.ts";
import { scheduleOptions } from "../schedules/schedule.ts";

/** What is exported: the options of a training, and the sizes of a rank's batch. */
export interface ExportStepOptions
  extends Omit<
      FinetuneOptions,
      "accumulate" | "loss" | "metrics" | "losses" | "teacher" | "threads"
    >,
    Given<ExportValues> {
  /** Loss function by its name, or a graph that computes it; one with a target. */
  readonly loss: LossGiven;
  /** Sizes of free dimensions other than the batch, by name or as "input.axis". */
  readonly dims?: Readonly<Record<string, number>> | undefined;
  /** Examples to take sizes and the target's type from: .npz files, or an opened dataset. */
  readonly data?: FitData | undefined;
  /** Called with the temporary folder that becomes the step folder. */
  readonly onTemporary?: ((folder: string) => void) | undefined;
}

/** Where frozen weights are, and how batches make a step, as the command line and the API offer it. */
export const ranking = {
  linkWeights: {
    type: "boolean",
    default: false,
    describe: "keep frozen weights in the model's files, which each machine then needs",
  },
  accumulate: {
    ...positiveInteger,
    default: 1,
    describe: "number of batches that each rank accumulates in a step",
  },
} as const satisfies Options;

const order = {
  ...seeding,
  force: { type: "boolean", default: false, describe: "whether to replace an earlier export" },
} as const satisfies Options;

/** The options of an export, as they are checked. */
export const exportStepOptions: Declared<ExportStepOptions> = {
  ...withOrt,
  ...training,
  ...scheduleOptions,
  ...lasting,
  ...ranking,
  ...order,
  target: text,
  lossOptions: object,
  optimizerOptions: object,
  rules: callbacks,
  dims: object,
  data: {},
  onTemporary: callback,
};

/** Values of the export's own options. */
export type ExportValues = ValuesOf<typeof lasting & typeof ranking & typeof order>;

/** Returns the export's own options, with defaults. Throws an InputError if one is out of range. */
export const exportValues = (given: ExportStepOptions): ExportValues =>
  valuesOf({ ...lasting, ...ranking, ...order }, { ...given });
