import { InputError } from "../../src/errors.ts";
import type { Builder } from "../../src/graph/builder.ts";
import { placeOfAxis, range, type Type } from "../../src/onnx/dtypes.ts";
import type { ValuesOf } from "../../src/option-values.ts";
import type { Options } from "../../src/options.ts";
import type { Activation } from "./activation.ts";

/** The class axis, for losses that have classes. */
export const classAxis = {
  type: "number",
  nullable: true,
  range: { integer: true },
  describe: "axis of the classes  [default: the one that fits the labels]",
} as const;

/** What the output holds, for losses that look through a final activation. */
export const values = {
  choices: ["logits", "probabilities"],
  nullable: true,
  flags: true,
  describe: "treat the output as %s, whatever the model's last operator is",
} as const;

/** What is left out, for losses with labels or values that may be missing. */
export const ignoreIndex = {
  type: "number",
  range: { integer: true },
  describe: "target value to ignore  [default: -100 for labels; a NaN is always ignored]",
} as const;

/** Options for how output and target are read; null if a loss does not have them. */
export interface ReadingOptions {
  /** Class axis; null to derive it from the target. */
  readonly classAxis: number | null;
  /** Label, or number among other targets, that does not count. */
  readonly ignoreIndex: number | null;
  /**
   * Positions by which labels are shifted ahead of the output: 1 trains the next token. Null means
   * 1 if the target is an input of a language model, otherwise 0.
   */
  readonly shift: number | null;
  /** What the output holds; null to derive it from the model's last operators. */
  readonly values: "logits" | "probabilities" | null;
}

/** The name of a float value, and its type. */
export interface LossTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: NonNullable<Type["shape"]>;
}

/**
 * How a target is read: as class indices, as one-hot integers, as class shares, as values like the
 * output's, or in a shape of the loss's own.
 */
export type TargetForm = "labels" | "one-hot" | "shares" | "values" | "own";

/** What a loss is written with: a builder's operators, and numbers of the output's type. */
export type LossWriter = ReturnType<typeof lossWriter>;

/** Returns what a loss of outputs of a type is written with. */
export const lossWriter = (builder: Builder, dtype: string) => ({
  builder,
  op: builder.op,
  to: builder.to,
  constant: builder.constant,
  /** Returns a constant scalar of the output's type. */
  number: (value: number) => builder.constant(dtype, [], [value]),
});

/** The input of a loss's builder. */
export interface LossInputs<O extends Options = Options> extends LossWriter {
  /** The prediction, as float32 or double, in the output's shape. */
  readonly output: LossTensor;
  /** Whether `output` holds logits, logarithms of probabilities, or values that are neither. */
  readonly form: "logits" | "log-probabilities" | "values";
  /** The activation that was removed from the output. */
  readonly before: Activation["op"] | null;
  /** The target; that of a loss without one must not be read. */
  readonly target: LossTensor & { readonly form: TargetForm };
  /** Arrays of the data that options of the loss name, by option. */
  readonly arrays: Readonly<Record<string, LossTensor>>;
  /** Further outputs of the model that options of the loss name, by option. */
  readonly others: Readonly<Record<string, LossTensor>>;
  /** Rows of the batch. */
  readonly rows: number;
  /** Class axis, not negative; the last axis if the loss has no classes. */
  readonly axis: number;
  /** Positions by which labels are shifted ahead. */
  readonly shift: number;
  readonly opset: number;
  readonly options: ValuesOf<O>;
}

/** Scalars of a batch by name; each is a mean over the batch's examples. */
export interface LossOutputs {
  readonly loss: string;
  readonly metrics: Readonly<Record<string, string>>;
  /**
   * Number of examples, a float: labels that count, or elements; with class weights the sum of
   * those. It weights the means of several batches.
   */
  readonly examples: string;
  /** The values at which the gradients start, if not at the loss itself. */
  readonly start?: GradientStart;
}

/** The gradient of a loss by a value behind it, written at once. */
export interface GradientStart {
  /** The value. */
  readonly scores: string;
  /** Writes the gradient of the loss by it. */
  readonly write: (builder: Builder) => string;
}

/** What the output's elements mean to a loss: class scores, yes/no scores, or plain values. */
export type Reads = "classes" | "shares" | "values";

/** An output and its target, for a loss with a rule of its own for what fits. */
export interface FitAsked<O extends Options = Options> {
  readonly output: Type;
  /** Null if no target is given. */
  readonly target: Type | null;
  readonly options: ValuesOf<O>;
}

/** Sequences of labels, as integers: [rows, steps] and [rows, length]. */
export interface ObservedSequences {
  readonly predicted: string;
  readonly actual: string;
  readonly length: number;
  readonly blank: number;
}

/** A loss function. */
export interface Loss<N extends string = string, O extends Options = Options> {
  readonly name: N;
  readonly about: string;
  /** Its hyper-parameters. */
  readonly options: O;
  /** What the output's elements mean to it. */
  reads(options: ValuesOf<O>): Reads;
  /** The model's last operators that the loss looks through to their operand. */
  readonly looksThrough: readonly Activation["op"][];
  /** Whether the target is the original model's output. */
  readonly distils: boolean;
  /** Whether it needs no target. */
  targetless?(options: ValuesOf<O>): boolean;
  /** Options whose values name arrays of the data. */
  readonly arrays?: readonly string[];
  /** Options whose values name further outputs of the model. */
  readonly others?: readonly string[];
  /** What fills up targets that are shorter than others. */
  readonly padding?: number;
  /** Whether it compares the rows of a batch with each other. */
  readonly comparesRows?: boolean;
  /** What may be wrong if the loss is infinite, a clause. */
  readonly hint?: string;
  /** Whether a number of a target of the loss's own shape may be in it. */
  isLabel?(label: number, classes: number): boolean;
  /**
   * How a target of a shape of its own fits the output. Returns the class axis, null without
   * classes; or why it does not fit, the end of a sentence.
   */
  fit?(asked: FitAsked<O>): { readonly axis: number | null } | string;
  /** Writes sequences of labels: the likeliest class at each step, and the labels, -1 behind them. */
  observe?(inputs: LossInputs<O>): ObservedSequences;
  /** Writes the loss, its metrics and the number of examples of a batch. */
  write(inputs: LossInputs<O>): LossOutputs;
}

/** A loss, the values of its options, and how it reads output and target. */
export interface ChosenLoss {
  readonly loss: Loss;
  readonly options: ReadingOptions & Readonly<Record<string, unknown>>;
  readonly reads: Reads;
}

/** What losses of class scores share. */
export const ofClasses = {
  reads: () => "classes" as const,
  looksThrough: ["Softmax", "LogSoftmax"] as const,
};

/** Whether targets that are NaN do not count: values that may be missing. */
export const skipsNaN = ({ loss, reads }: Pick<ChosenLoss, "loss" | "reads">): boolean =>
  reads !== "classes" && Object.hasOwn(loss.options, "ignoreIndex");

/** What a loss may leave out: it reads values, looks through nothing and does not distil. */
type Assumed = "reads" | "looksThrough" | "distils";

/** Declares a loss; its options give the types that `write` reads. */
export const lossFunction = <const N extends string, const O extends Options>(
  declared: Omit<Loss<N, O>, Assumed> & Partial<Pick<Loss<N, O>, Assumed>>,
): Loss<N, O> => ({ reads: () => "values", looksThrough: [], distils: false, ...declared });

/** Returns the class axis that options name or a rank suggests. */
export function classAxisOf(
  rank: number,
  { classAxis }: Pick<ReadingOptions, "classAxis">,
): number {
  if (classAxis !== null) return placeOfAxis(classAxis, rank);
  return rank === 2 || rank > 3 ? 1 : rank - 1;
}

/** Returns the class axis of an output. Throws an InputError if it has no such axis. */
export function checkedClassAxis(
  output: string,
  rank: number,
  options: Pick<ReadingOptions, "classAxis">,
): number {
  const axis = classAxisOf(rank, options);
  if (axis >= 0 && axis < rank) return axis;
  throw new InputError(
    rank === 0
      ? `output ${output} is a single number and has no class axis.`
      : `--class-axis ${options.classAxis} is not an axis of output ${output}, whose axes are 0 to ${rank - 1}.`,
  );
}

/** Writes the mean of all elements. */
export const mean = ({ to }: LossWriter, x: string, rank: number) =>
  to.reduce("ReduceMean", x, range(rank), false);

/** Writes the number of elements of a value, as a float. */
export const elementCount = ({ op, to }: LossWriter, x: string) => to.cast(op.Size(x), "float");

/** Writes the sum of all elements. */
export const total = ({ to }: LossWriter, x: string, rank: number) =>
  to.reduce("ReduceSum", x, range(rank), false);
