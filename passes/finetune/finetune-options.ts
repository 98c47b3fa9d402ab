import { number, object, text } from "../../src/arguments.ts";
import type { Model } from "../../src/model.ts";
import type { Declared } from "../../src/options.ts";
import type { Schedule } from "../schedules/schedule.ts";
import type { Reading } from "./attach-loss.ts";
import type { StepOptions } from "./step-options.ts";
import { stepOptions } from "./step-options.ts";

/** How to fine-tune. Batches bring the model's inputs and the target, by name. */
export interface FinetuneOptions
  extends Omit<StepOptions, "inputs" | "target">,
    Partial<Omit<Schedule, "name">> {
  /** Name of the target among the tensors of a batch; none for a distillation. */
  readonly target?: string | undefined;
  /** The model whose outputs a distillation follows: the original. */
  readonly teacher?: Model | undefined;
  /** "constant" or "cosine", after a warm-up; "constant". */
  readonly schedule?: Schedule["name"] | undefined;
  /** Threads of onnxruntime; 0 lets it choose. */
  readonly threads?: number | undefined;
}

const { inputs: _, ...training } = stepOptions;

/** The options of a training, as they are checked. */
export const finetuning: Declared<FinetuneOptions> = {
  ...training,
  target: text,
  teacher: object,
  schedule: text,
  threads: number,
  lr: number,
  warmup: number,
  steps: number,
};

/** What one step came to; all are means over its batch. */
export interface Step {
  /** From 1. */
  readonly step: number;
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
  /** How much was judged: labels that count, or elements. */
  readonly judged: number;
  readonly lr: number;
  /** Norm of all gradients together, before clipping. */
  readonly norm: number;
}

/** How a loss is computed on a model and its data. */
export interface LossPlan {
  /** The output, or value inside, that the loss is computed on. */
  readonly output: string;
  readonly reading: Reading;
  /** What a user must know of it, a sentence each; that of probabilities first. */
  readonly notes: readonly string[];
}
