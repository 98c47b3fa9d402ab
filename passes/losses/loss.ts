import type { Writing } from "../../src/graph/builder.ts";
import type { Type } from "../../src/onnx/shape.ts";
import type { ValuesOf } from "../../src/option-values.ts";
import type { Options } from "../../src/options.ts";
import type { Activation } from "./activation.ts";

/** The axis of the classes, for losses that have classes. */
export const classAxis = {
  type: "number",
  nullable: true,
  range: { integer: true },
  describe: "axis of the classes  [default: the one with which labels fit]",
} as const;

/** What the output holds, for losses that look through a final activation. */
export const values = {
  choices: ["logits", "probabilities"],
  nullable: true,
  flags: true,
  describe: "the output holds %s, whatever the model ends in",
} as const;

/** Options that decide how output and target are read; null if a loss does not have them. */
export interface ReadingOptions {
  /** Axis of the classes; null to find it by the target. */
  readonly classAxis: number | null;
  /** Label that is left out of the loss. */
  readonly ignoreIndex: number | null;
  /**
   * Positions by which labels are moved ahead of the output: 1 trains the next token. Null for 1 if
   * the target is an input of a language model, else 0.
   */
  readonly shift: number | null;
  /** What the output holds; null to find it by the model's last operators. */
  readonly values: "logits" | "probabilities" | null;
}

/** A value by its name, float, and its type. */
export interface LossTensor {
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
export interface LossInputs<O extends Options = Options> {
  readonly writing: Writing;
  /** What the loss takes of the model, as float32 or double, of the output's shape. */
  readonly output: LossTensor;
  /** Whether `output` holds logits, logarithms of probabilities, or values that are neither. */
  readonly form: "logits" | "log-probabilities" | "values";
  /** The activation that was left off the output. */
  readonly before: Activation["op"] | null;
  readonly target: LossTensor & { readonly form: TargetForm };
  /** Axis of the classes, from 0; the last if the loss has no classes. */
  readonly axis: number;
  /** Positions by which labels are moved ahead. */
  readonly shift: number;
  readonly opset: number;
  readonly options: ValuesOf<O>;
}

/** Scalars of a batch by name; each is a mean over the batch's examples. */
export interface LossOutputs {
  readonly loss: string;
  readonly metrics: Readonly<Record<string, string>>;
  /**
   * Number of examples, a float: labels that count, or elements. It weights the means of several
   * batches.
   */
  readonly examples: string;
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

/** What the output's elements are to a loss: scores of classes, of yes and no, or plain values. */
export type Reads = "classes" | "shares" | "values";

/** A loss function. */
export interface Loss<N extends string = string, O extends Options = Options> {
  readonly name: N;
  readonly about: string;
  /** Its hyper-parameters. */
  readonly options: O;
  /** What the output's elements are to it. */
  reads(options: ValuesOf<O>): Reads;
  /** The model's own last operators that it looks through, to take what they are given. */
  readonly looksThrough: readonly Activation["op"][];
  /** Whether the target is what the original model gives. */
  readonly distils: boolean;
  /** Writes the loss, its metrics and the number of examples of a batch. */
  write(inputs: LossInputs<O>): LossOutputs;
}

/** A loss, the values of its options, and what output and target are to it with these. */
export interface ChosenLoss {
  readonly loss: Loss;
  readonly options: ReadingOptions & Readonly<Record<string, unknown>>;
  readonly reads: Reads;
}

/** Declares a loss; its options give the types that `write` reads. */
export const lossFunction = <const N extends string, const O extends Options>(
  declared: Loss<N, O>,
): Loss<N, O> => declared;

/** The class axis that options name or a rank suggests. */
export function classAxisOf(
  rank: number,
  { classAxis }: Pick<ReadingOptions, "classAxis">,
): number {
  if (classAxis !== null) return classAxis < 0 ? classAxis + rank : classAxis;
  return rank === 2 || rank > 3 ? 1 : rank - 1;
}

/** The mean of all elements. */
export const mean = ({ to }: Writing, x: string, rank: number) =>
  to.reduce("ReduceMean", x, axes(rank), false);

/** How many elements a value has, as a float. */
export const elementCount = ({ op, to }: Writing, x: string) => to.cast(op.Size(x), "float");

/** The sum of all elements. */
export const total = ({ to }: Writing, x: string, rank: number) =>
  to.reduce("ReduceSum", x, axes(rank), false);

const axes = (rank: number) => Array.from({ length: rank }, (_, k) => k);
