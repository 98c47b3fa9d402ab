import { callback, watching } from "../../src/arguments.ts";
import { type ValuesOf, valuesOf } from "../../src/option-values.ts";
import {
  type Declared,
  type Given,
  idleSentences,
  type Options,
  positiveInteger,
} from "../../src/options.ts";
import type { Tensors } from "../../src/ort/session.ts";
import { lossOptions } from "../losses/index.ts";
import { lossNames } from "../losses/written-terms.ts";
import { metrics } from "../metrics/index.ts";
import { optimizerOptions } from "../optimizers/index.ts";
import { scheduleOptions } from "../schedules/schedule.ts";
import type { FitData } from "./batch-source.ts";
import type { ArrayReading } from "./data-set.ts";
import {
  type FinetuneOptions,
  finetuneOptions,
  type LossPlan,
  running,
} from "./finetune-options.ts";
import type { Epoch, EpochStep, History } from "./history.ts";
import { type FolderOptions, reading } from "./reading-options.ts";
import { training } from "./step-options.ts";

/** Known when a training begins: how the loss is computed, and what it continues from. */
export interface FitStart {
  readonly plan: LossPlan;
  /** Steps of an epoch; null if the number of batches is not known. */
  readonly stepsPerEpoch: number | null;
  /** Figures of the training that is resumed; empty if none is. */
  readonly history: History;
}

/** How to train: the data, the loss, and when to stop. */
export interface FitOptions
  extends FinetuneOptions,
    ArrayReading,
    Omit<FolderOptions, "classNames">,
    Given<
      ValuesOf<typeof lasting & typeof order & typeof heading & Pick<typeof evaluating, "best">>
    > {
  /** Training examples. */
  readonly data: FitData;
  /** Evaluation examples, which choose the best epoch; without them the training loss does. */
  readonly eval?: FitData | undefined;
  /** A checkpoint to continue from: its path (Node), bytes or a Blob. */
  readonly resume?: string | Uint8Array | Blob | undefined;
  /** Stops after the current step when aborted; the best weights so far are returned. */
  readonly signal?: AbortSignal | undefined;
  /** Called before the first step. */
  readonly onStart?: ((start: FitStart) => void) | undefined;
  /** Called after each step, with the trained weights as they are then, by name. */
  readonly onStep?: ((step: EpochStep, weights: Tensors) => void) | undefined;
  /** Called after each epoch, with the trained weights as they are then, by name. */
  readonly onEpoch?: ((epoch: Epoch, weights: Tensors) => void) | undefined;
  /** Called with the share that is done, from 0 to 1, and what is being done. */
  readonly onProgress?: ((done: number, step: string) => void) | undefined;
  /** Called with each sentence that a user should read, as soon as it is known. */
  readonly onNote?: ((note: string) => void) | undefined;
  /** Called with each new checkpoint: after each epoch, and when one ends early. */
  readonly onCheckpoint?: ((bytes: Uint8Array) => void) | undefined;
}

/** How long is trained, as the command line and the API offer it. */
export const lasting = {
  epochs: {
    alias: "e",
    ...positiveInteger,
    default: 10,
    describe: "number of epochs",
  },
  batchSize: {
    alias: "b",
    ...positiveInteger,
    nullable: true,
    describe: "examples in a step  [default: 32, or the model's fixed batch size]",
  },
  patience: {
    ...positiveInteger,
    nullable: true,
    describe: "stop after this many epochs without improvement  [default: train all epochs]",
  },
} as const satisfies Options;

/** A new last layer, as the command line and the API offer it. */
export const heading = {
  newHead: {
    type: "string",
    describe:
      "replace the last linear layer with a new one and train it; name its module (fc), node or weight",
  },
  classes: {
    ...positiveInteger,
    describe: "number of classes of the new layer; required with --new-head",
  },
} as const satisfies Options;

/** How epochs are evaluated, as the command line and the API offer it. */
export const evaluating = {
  metrics: {
    type: "string",
    array: true,
    describe: `metrics of the evaluation, separated by commas: ${metrics.map(({ name }) => name).join(", ")}  [default: accuracy if the loss has it]`,
    idle: ({ eval: held }) => (held === undefined ? "there is no --eval" : null),
  },
  best: {
    type: "string",
    default: "loss",
    describe: "what chooses the best epoch: loss, or a metric of the evaluation (accuracy)",
  },
} as const satisfies Options;

/** All that is declared of a training, as the command line and the API offer it. */
export const fitting = {
  ...training,
  ...running,
  ...lasting,
  ...evaluating,
  ...heading,
  ...scheduleOptions,
};

/** Options of loss, optimizer and schedule, which the command line offers beside the others. */
export const hyperparameters = { lossOptions, optimizerOptions, scheduleOptions };

/** The teacher of a distillation, as the command line offers it. */
export const teaching = {
  teacher: {
    type: "string",
    describe: "teacher of a distillation, an .onnx file  [default: the original model]",
    idle: ({ loss }) =>
      lossNames(loss).includes("distillation") ? null : "no loss is a distillation",
  },
} as const satisfies Options;

/** The seed of a training, as the API offers it. */
export const seeding = {
  seed: {
    type: "number",
    default: 0,
    range: { integer: true },
    describe: "seed of the order of the examples",
  },
} as const satisfies Options;

const order = {
  shuffle: {
    type: "boolean",
    default: true,
    describe: "whether each epoch has an order of its own",
  },
  ...seeding,
  forced: {
    type: "boolean",
    default: false,
    describe:
      "whether data, batch size, learning rate and optimizer options may differ from the checkpoint's",
  },
} as const satisfies Options;

/** The options of fit, as they are checked. */
export const fitOptions: Declared<FitOptions> = {
  ...finetuneOptions,
  ...lasting,
  ...heading,
  ...reading,
  ...order,
  ...watching,
  best: evaluating.best,
  data: {},
  eval: {},
  resume: {},
  onStart: callback,
  onStep: callback,
  onEpoch: callback,
  onNote: callback,
  onCheckpoint: callback,
};

/** Values of fit's own options. */
export type FitValues = ValuesOf<typeof lasting & typeof order>;

/** Returns fit's own options, with defaults. Throws an InputError if one is out of range. */
export const fitValues = (given: FitOptions): FitValues =>
  valuesOf({ ...lasting, ...order }, { ...given });

/** Returns a sentence for each of fit's options that has no effect, or not the expected one. */
export function effectNotes(given: FitOptions): string[] {
  const { losses, optimizer, patience = null, eval: held } = given;
  const terms = losses ?? [{ loss: given.loss }];
  const loss = terms.map((term) => (typeof term.loss === "string" ? term.loss : "graph"));
  const outside = (["output", "target"] as const).filter((name) => losses && given[name] != null);
  return [
    ...idleSentences({ ...given }, scheduleOptions),
    ...idleSentences({ ...given.lossOptions, loss }, lossOptions),
    ...idleSentences({ ...given.optimizerOptions, optimizer }, optimizerOptions),
    ...outside.map((name) => `${name} has no effect: each loss of losses has its own.`),
    ...(patience !== null && held === undefined
      ? ["--patience uses the training loss, because there is no --eval."]
      : []),
  ];
}
