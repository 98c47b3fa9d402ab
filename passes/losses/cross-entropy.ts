import type { Writing } from "../../src/graph/builder.ts";
import type { Options } from "../../src/options.ts";
import { agreement, classesLast, crossed, logProbabilities } from "./class-values.ts";
import {
  classAxis,
  elementCount,
  type GradientStart,
  type LossInputs,
  type LossOutputs,
  lossFunction,
  mean,
  total,
  values,
} from "./loss.ts";

const options = {
  classAxis,
  ignoreIndex: {
    type: "number",
    default: -100,
    range: { integer: true },
    describe: "label that is left out of the loss",
  },
  shift: {
    type: "number",
    nullable: true,
    range: { integer: true, min: 0 },
    describe:
      "positions by which labels are moved ahead of the output  [default: 1 if the target is a language model's input, else 0]",
  },
  values,
} as const satisfies Options;

type Inputs = LossInputs<typeof options>;

/**
 * The first opset with GatherElements, which picks labels without a table as large as the output.
 */
const PICKING = 11;

/**
 * −ln p of the labels, at each position; and the operands of its gradient, if that is written at
 * once.
 */
interface Surprise {
  readonly each: string;
  readonly start: Omit<GradientStart, "weights"> | null;
}

/** Writes −ln p of int64 labels that are all valid classes. */
function surprise(inputs: LossInputs, labels: string): Surprise {
  const { writing, output, form, axis, opset } = inputs;
  const { op, to } = writing;
  const rank = output.shape.length;
  if (opset < PICKING) {
    const scores = classesLast(inputs, output.name, rank, axis);
    const hot = to.oneHot(labels, rank - 1, Number(output.shape[axis]), output.dtype);
    const logP = logProbabilities(inputs, scores, rank);
    return { each: crossed(inputs, hot, logP, rank), start: null };
  }
  const at = to.unsqueeze(labels, [axis]);
  const picked = op.GatherElements(output.name, at, { axis });
  if (form === "log-probabilities")
    return { each: op.Neg(to.squeeze(picked, [axis])), start: null };
  const logSum = to.reduce("ReduceLogSumExp", output.name, [axis]);
  const each = to.squeeze(op.Sub(logSum, picked), [axis]);
  return { each, start: { scores: output.name, logSum, labels: at, axis } };
}

/**
 * Writes the gradient of a cross-entropy by its scores: the weighted softmax, minus 1 at the label.
 */
export function gradientByScores(
  { op }: Writing,
  { scores, logSum, labels, weights, axis }: GradientStart,
): string {
  const shares = op.Mul(op.Exp(op.Sub(scores, logSum)), weights);
  const own = op.Sub(op.GatherElements(shares, labels, { axis }), weights);
  return op.ScatterElements(shares, labels, own, { axis });
}

/** Writes the labels, each shifted ahead by some positions; the last positions have none. */
function shifted({ writing, target, shift, options }: Inputs, labels: string): string {
  if (shift === 0) return labels;
  const { op, to, constant } = writing;
  const [rows, length] = target.shape.map(Number);
  const ahead = to.slice(labels, [shift], [length], [1]);
  const none = constant("int64", [1, 1], [options.ignoreIndex]);
  return op.Concat([ahead, to.expand(none, [1, 1], [rows, shift])], { axis: 1 });
}

/** Cross-entropy of class indices. */
function ofLabels(inputs: Inputs): LossOutputs {
  const { writing, output, target, axis, options } = inputs;
  const { op, to, constant } = writing;
  const rank = output.shape.length;
  const given = target.dtype === "int64" ? target.name : to.cast(target.name, "int64");
  const labels = shifted(inputs, given);
  const counting = op.Not(op.Equal(labels, constant("int64", [], [options.ignoreIndex])));
  const counts = to.cast(counting, output.dtype);
  const { each, start } = surprise(inputs, op.Mul(labels, to.cast(counting, "int64")));
  const counted = total(writing, counts, rank - 1);
  const positions = to.atLeast(counted, 1, output.dtype);
  const largest = op.ArgMax(output.name, { axis, keepdims: 0 });
  const right = to.cast(op.Equal(largest, labels), output.dtype);
  return {
    loss: op.Div(total(writing, op.Mul(each, counts), rank - 1), positions),
    metrics: { accuracy: op.Div(total(writing, op.Mul(right, counts), rank - 1), positions) },
    examples: to.cast(counted, "float"),
    ...(start
      ? { start: { ...start, weights: to.unsqueeze(op.Div(counts, positions), [axis]) } }
      : {}),
  };
}

/** Cross-entropy of class shares. */
function ofShares(inputs: LossInputs): LossOutputs {
  const { writing, output, target, axis } = inputs;
  const rank = output.shape.length;
  const scores = classesLast(inputs, output.name, rank, axis);
  const q = classesLast(inputs, target.name, rank, axis);
  const each = crossed(inputs, q, logProbabilities(inputs, scores, rank), rank);
  return {
    loss: mean(writing, each, rank - 1),
    metrics: { accuracy: agreement(inputs, scores, q, rank) },
    examples: elementCount(writing, each),
  };
}

/**
 * −Σ q ln softmax(z), averaged over all positions: PyTorch's cross_entropy. q is one-hot for a
 * label, or a soft target of the output's shape. Labels equal to `ignoreIndex` do not count. For
 * probabilities p, it is −Σ q ln p.
 */
export const crossEntropy = lossFunction({
  name: "cross-entropy",
  about: "softmax cross-entropy of integer labels or soft targets",
  options,
  reads: () => "classes",
  looksThrough: ["Softmax", "LogSoftmax"],
  distils: false,
  write: (inputs) => (inputs.target.form === "labels" ? ofLabels(inputs) : ofShares(inputs)),
});
