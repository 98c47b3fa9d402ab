import { number, orNull, text } from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import type { Writing } from "../../src/graph/builder.ts";
import type { Type } from "../../src/onnx/shape.ts";
import type { Declared } from "../../src/options.ts";
import { filled, type Given } from "../../src/options.ts";
import type { Activation } from "./activation.ts";

/** Options of all losses, as the command line names them. */
export interface LossOptions {
  /** Axis of the classes; told from the target where nothing is said. */
  readonly classAxis: number | null;
  /** Integer label that does not count. */
  readonly ignoreIndex: number;
  /**
   * Positions by which labels are moved ahead of the output: 1 trains the next token. Where nothing
   * is said, 1 if the target is an input of a language model, else 0.
   */
  readonly shift: number | null;
  /** What the output holds; told from the model's last operators where nothing is said. */
  readonly values: "logits" | "probabilities" | null;
  /** Temperature T of a distillation. */
  readonly temperature: number;
  /** What a distillation compares: class probabilities, or the values themselves. */
  readonly distil: "logits" | "features";
}

/** The options of losses, as they are checked. */
export const lossOptions: Declared<LossOptions> = {
  classAxis: orNull(number),
  ignoreIndex: number,
  shift: orNull(number),
  values: orNull(text),
  temperature: number,
  distil: text,
};

export const lossDefaults: LossOptions = {
  classAxis: null,
  ignoreIndex: -100,
  shift: null,
  values: null,
  temperature: 2,
  distil: "logits",
};

/** All options of a loss. Throws an InputError where one is none. */
export function lossOptionsOf(given: Given<LossOptions> | undefined): LossOptions {
  const options = filled(lossDefaults, given);
  const { ignoreIndex, temperature, shift, values } = options;
  if (!Number.isSafeInteger(ignoreIndex))
    throw new InputError(`the label to ignore, ${ignoreIndex}, is no whole number.`);
  if (shift !== null && !(Number.isSafeInteger(shift) && shift >= 0))
    throw new InputError(`shift must be a whole number from 0 on (got ${shift}).`);
  if (values !== null && values !== "logits" && values !== "probabilities")
    throw new InputError(`values must be "logits" or "probabilities" (got ${values}).`);
  if (!(temperature > 0) || !Number.isFinite(temperature))
    throw new InputError(`temperature ${temperature} is no positive number.`);
  return options;
}

/** A value by its name, float, and its type. */
export interface Judged {
  readonly name: string;
  readonly dtype: string;
  readonly shape: NonNullable<Type["shape"]>;
}

/**
 * How a target is read: a class number for each position, a 1 at the class among integers, a share
 * for each class, or values like the output's.
 */
export type TargetForm = "labels" | "one-hot" | "shares" | "values";

/** What a loss is written over. */
export interface Judging {
  readonly writing: Writing;
  /** What the loss takes of the model, as float32 or double, of the output's shape. */
  readonly output: Judged;
  /** Whether `output` holds logits, logarithms of probabilities, or values that are neither. */
  readonly form: "logits" | "log-probabilities" | "values";
  /** The activation that was left off the output. */
  readonly before: Activation["op"] | null;
  readonly target: Judged & { readonly form: TargetForm };
  /** Axis of the classes, from 0; the last where the loss knows none. */
  readonly axis: number;
  /** Positions by which labels are moved ahead. */
  readonly shift: number;
  readonly opset: number;
  readonly options: LossOptions;
}

/** Scalars of a batch by name; each a mean over what was judged. */
export interface Verdict {
  readonly loss: string;
  readonly metrics: Readonly<Record<string, string>>;
  /** How much was judged, a float: by it the means of several batches are those of all together. */
  readonly judged: string;
  /** Where the gradients begin, if that is not the loss itself. */
  readonly start?: GradientStart;
}

/**
 * The values of a softmax cross-entropy of labels. Its gradient by the scores is written at once,
 * because what its parts' gradients add up to takes several times the memory of the scores.
 */
export interface GradientStart {
  readonly scores: string;
  /** ln Σ exp of the scores, the axis of classes being 1. */
  readonly logSum: string;
  /** The labels as indices along the axis. */
  readonly labels: string;
  /** How much each position counts, the axis of classes being 1. */
  readonly weights: string;
  readonly axis: number;
}

/** A loss by its name. */
export type LossName =
  | "cross-entropy"
  | "binary-cross-entropy"
  | "mse"
  | "l1"
  | "cosine"
  | "distillation";

/** What training makes small. */
export interface Loss {
  readonly name: LossName;
  readonly about: string;
  /** What the output's elements are to it: scores of classes, of yes and no, or plain values. */
  readonly reads: "classes" | "shares" | "values";
  /** The model's own last operators that it looks through, to take what they are given. */
  readonly looksThrough: readonly Activation["op"][];
  /** Whether the target is what the original model gives. */
  readonly distils: boolean;
  readonly write: (judging: Judging) => Verdict;
}

/** The class axis that options name or a rank suggests. */
export function classAxisOf(rank: number, { classAxis }: LossOptions): number {
  if (classAxis !== null) return classAxis < 0 ? classAxis + rank : classAxis;
  return rank === 2 || rank > 3 ? 1 : rank - 1;
}

/** The mean of all elements. */
export const mean = ({ to }: Writing, x: string, rank: number) =>
  to.reduce("ReduceMean", x, axes(rank), false);

/** How many elements a value has, as a float. */
export const count = ({ op, to }: Writing, x: string) => to.cast(op.Size(x), "float");

/** The sum of all elements. */
export const total = ({ to }: Writing, x: string, rank: number) =>
  to.reduce("ReduceSum", x, axes(rank), false);

const axes = (rank: number) => Array.from({ length: rank }, (_, k) => k);
