import { InputError } from "../../src/graph/graph.ts";
import type { Type } from "../../src/graph/types.ts";
import type { Writing } from "../../src/graph/writing.ts";
import { filled, type Given } from "../filled.ts";

/** Options of all losses, as the command line names them. */
export interface LossOptions {
  /** Axis of the classes; of two axes the second, of three the last, of more the second. */
  readonly classAxis: number | null;
  /** Integer label that does not count. */
  readonly ignoreIndex: number;
  /** Temperature T of a distillation. */
  readonly temperature: number;
  /** What a distillation compares: class probabilities, or the values themselves. */
  readonly distil: "logits" | "features";
}

export const lossDefaults: LossOptions = {
  classAxis: null,
  ignoreIndex: -100,
  temperature: 2,
  distil: "logits",
};

/** All options of a loss. Throws an InputError where one is none. */
export function lossOptionsOf(given: Given<LossOptions> | undefined): LossOptions {
  const options = filled(lossDefaults, given);
  const { ignoreIndex, temperature } = options;
  if (!Number.isSafeInteger(ignoreIndex))
    throw new InputError(`the label to ignore, ${ignoreIndex}, is no whole number.`);
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

/** What a loss is written over. */
export interface Judging {
  readonly writing: Writing;
  /** The model's output as float32 or double; before its own Softmax or Sigmoid where `before` says so. */
  readonly output: Judged;
  /** The activation that was left off the output. */
  readonly before: "Softmax" | "LogSoftmax" | "Sigmoid" | null;
  readonly target: Judged;
  readonly options: LossOptions;
}

/** Scalars of a batch by name; each a mean over what was judged. */
export interface Verdict {
  readonly loss: string;
  readonly metrics: Readonly<Record<string, string>>;
  /** How much was judged, a float: by it the means of several batches are those of all together. */
  readonly judged: string;
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
  /** The model's own last operators that it looks through, to take what they are given. */
  readonly looksThrough: readonly ("Softmax" | "LogSoftmax" | "Sigmoid")[];
  /** Whether the target is what the original model gives. */
  readonly distils: boolean;
  /** The axis of the classes of such an output; null where it has none. */
  readonly classAxis: (shape: Judged["shape"], options: LossOptions) => number | null;
  /** Why such a target does not fit the output, in words; null where it does. */
  readonly misfit: (output: Type, target: Type, options: LossOptions) => string | null;
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
