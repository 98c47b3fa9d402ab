import { object, text, texts, withOrt } from "../../src/arguments.ts";
import type { Declared, Given } from "../../src/options.ts";
import type { Ort } from "../../src/ort/session.ts";
import { type LossName, type LossOptions, lossOptions } from "../losses/loss.ts";
import {
  type OptimizerName,
  type OptimizerOptions,
  optimizerOptions,
} from "../optimizers/optimizer.ts";
import type { Target } from "./attach-loss.ts";

/** What is trained, towards what, and how. */
export interface StepOptions {
  /** onnxruntime, which infers the shapes. */
  readonly ort: Ort;
  /** A loss by its name: "cross-entropy". */
  readonly loss: LossName;
  /** The target: the name it gets as an input, its type, and its shape in one batch. */
  readonly target: Target;
  /** Shape of each of the model's inputs in one batch, by name. */
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  /** The output or value that is judged; the only output of floats where none is given. */
  readonly output?: string | undefined;
  /** Globs of further initializers that are trained beside LAuReL's weights. */
  readonly train?: readonly string[] | undefined;
  /** An optimizer by its name; "adamw". */
  readonly optimizer?: OptimizerName | undefined;
  readonly lossOptions?: Given<LossOptions> | undefined;
  readonly optimizerOptions?: Given<OptimizerOptions> | undefined;
}

/** The options of a step graph, as they are checked. */
export const stepOptions: Declared<StepOptions> = {
  ...withOrt,
  loss: text,
  target: object,
  inputs: object,
  output: text,
  train: texts,
  optimizer: text,
  lossOptions: object,
  optimizerOptions: object,
};

/** The options within those of a step graph, as they are checked. */
export const withinStep = { lossOptions, optimizerOptions };
