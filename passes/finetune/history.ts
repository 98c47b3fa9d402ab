import type { Tensors } from "../../src/ort/session.ts";
import type { Evaluation } from "./evaluation.ts";
import type { Step } from "./finetune-options.ts";

/** Figures of one step, and the epoch that it belongs to, from 1. */
export interface EpochStep extends Step {
  readonly epoch: number;
}

/** Figures of one epoch. */
export interface Epoch {
  /** From 1. */
  readonly epoch: number;
  /** Steps taken until its end. */
  readonly step: number;
  /** Means over all examples of the epoch's steps. */
  readonly train: { readonly loss: number; readonly metrics: Readonly<Record<string, number>> };
  /** On the evaluation data, after the epoch; null without such data. */
  readonly eval: Evaluation | null;
}

/** Figures of a training so far. */
export interface History {
  /** On the evaluation data, before the first step; null without such data. */
  readonly before: Evaluation | null;
  readonly epochs: readonly Epoch[];
  readonly steps: readonly EpochStep[];
}

/** The best epoch: by the evaluation, or without such data by the lowest training loss. */
export interface Best {
  readonly epoch: number;
  readonly loss: number;
  /** The figure that chose it. */
  readonly value: number;
  readonly confusion: Evaluation["confusion"];
  readonly weights: Tensors;
}

/**
 * Why a training stopped: all epochs are done; `patience` epochs brought no improvement; its signal
 * was aborted; or a loss or gradient was not finite.
 */
export type Stopped = "completed" | "patience" | "aborted" | "diverged";

/** The state of a training, beside the trainer's. */
export interface Run {
  before: Evaluation | null;
  readonly epochs: Epoch[];
  readonly steps: EpochStep[];
  best: Best | null;
  /** Null while it goes on. */
  stopped: Stopped | null;
  /** What went wrong, a sentence; null if nothing did. */
  error: string | null;
}

/** Returns a training that has not begun. */
export const newRun = (): Run => ({
  before: null,
  epochs: [],
  steps: [],
  best: null,
  stopped: null,
  error: null,
});
