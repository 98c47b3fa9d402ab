import { callback, flag, object } from "../../src/arguments.ts";
import { type ValuesOf, valuesOf } from "../../src/option-values.ts";
import type { Declared, Options } from "../../src/options.ts";
import type { FitData } from "../finetune/batch-source.ts";
import { type FinetuneOptions, finetuneOptions } from "../finetune/finetune-options.ts";
import { lasting } from "../finetune/fit-options.ts";
import type { LossGiven } from "../losses/index.ts";

/** What is exported: the options of a training, and the sizes of a rank's batch. */
export interface ExportStepOptions
  extends Omit<
    FinetuneOptions,
    "accumulate" | "loss" | "metrics" | "losses" | "teacher" | "threads"
  > {
  /** Loss function by its name, or a graph that computes it; one with a target. */
  readonly loss: LossGiven;
  /** Examples in one batch of one rank; 32 by default, or what the model fixes. */
  readonly batchSize?: number | null | undefined;
  /** Batches that are added up in a step, over all ranks at least one each; 1 a rank by default. */
  readonly accumulate?: number | undefined;
  /** Sizes of free dimensions other than the batch, by name or as "input.axis". */
  readonly dims?: Readonly<Record<string, number>> | undefined;
  /** Examples to take sizes and the target's type from: .npz files, or an opened dataset. */
  readonly data?: FitData | undefined;
  /** Number of epochs; 10 by default. */
  readonly epochs?: number | undefined;
  /** Stops after this many epochs without improvement; null, the default, for never. */
  readonly patience?: number | null | undefined;
  /** Seed of the order of the examples; 0 by default. */
  readonly seed?: number | undefined;
  /** Leaves frozen weights in the model's own files, which every machine then holds once. */
  readonly linkWeights?: boolean | undefined;
  /** Replaces an earlier export. */
  readonly force?: boolean | undefined;
  /** Called with the temporary folder that becomes the step folder. */
  readonly onTemporary?: ((folder: string) => void) | undefined;
}

/** How a rank's batches make a step, as the command line and the API offer it. */
export const ranking = {
  accumulate: {
    type: "number",
    default: 1,
    range: { integer: true, min: 1 },
    describe: "number of batches that each rank accumulates in a step",
  },
} as const satisfies Options;

const order = {
  seed: { type: "number", default: 0, range: { integer: true } },
  linkWeights: { ...flag, type: "boolean", default: false },
  force: { ...flag, type: "boolean", default: false },
} as const satisfies Options;

const {
  teacher: _,
  threads: __,
  losses: ___,
  accumulate: ____,
  metrics: _____,
  ...steps
} = finetuneOptions;

/** The options of an export, as they are checked. */
export const exportStepOptions: Declared<ExportStepOptions> = {
  ...steps,
  ...lasting,
  ...ranking,
  ...order,
  dims: object,
  data: {},
  onTemporary: callback,
};

/** Values of the export's own options. */
export type ExportValues = ValuesOf<typeof lasting & typeof ranking & typeof order>;

/** Returns the export's own options, with defaults. Throws an InputError if one is out of range. */
export const exportValues = (given: ExportStepOptions): ExportValues =>
  valuesOf({ ...lasting, ...ranking, ...order }, { ...given });
