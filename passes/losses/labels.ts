import { sinceOf } from "../../src/graph/operators.ts";
import { classesLast, crossed, logProbabilities } from "./class-values.ts";
import { checkPerClass, perClass } from "./class-weights.ts";
import { classAxis, ignoreIndex, type LossInputs, total, values } from "./loss.ts";
import type { Softmax } from "./softmax-gradient.ts";

/** Options of losses of class labels. */
export const labelOptions = {
  classAxis,
  ignoreIndex: { ...ignoreIndex, default: -100 },
  shift: {
    type: "number",
    nullable: true,
    range: { integer: true, min: 0 },
    describe:
      "compare the output at each position with the label so many positions later  [default: 1 if the target is a language model's input, otherwise 0]",
  },
  values,
} as const;

type Inputs = LossInputs<typeof labelOptions>;

/** Class labels of a batch, and the surprise at each. */
export interface LabelTerms {
  /** Rank of the positions. */
  readonly rank: number;
  /** 1 at each position whose label counts, otherwise 0. */
  readonly counts: string;
  /** The weight of each position: that of its class, or 0. */
  readonly weights: string;
  /** The labels as int64 classes; 0 if they do not count. */
  readonly labels: string;
  /** −ln p of the label at each position. */
  readonly losses: string;
  /** Values of which the gradient is written at once, and ln Σ exp; null if it is not. */
  readonly softmax: (Softmax & { readonly logSum: string }) | null;
}

/** Writes −ln p of the labels of a batch, and which of them count. */
export function labelTerms(inputs: Inputs, classWeights: readonly number[] | null): LabelTerms {
  const { op, to, constant, output, target, options } = inputs;
  const given = to.cast(target.name, "int64", target.dtype);
  const shifted = shiftedAhead(inputs, given);
  const counting = op.Not(op.Equal(shifted, constant("int64", [], [options.ignoreIndex])));
  const counts = to.cast(counting, output.dtype);
  const labels = op.Mul(shifted, to.cast(counting, "int64"));
  return {
    rank: output.shape.length - 1,
    counts,
    weights: weightsOf(inputs, { labels, counts }, classWeights),
    labels,
    ...surprise(inputs, labels),
  };
}

function weightsOf(
  { op, constant, output, axis }: Inputs,
  { labels, counts }: Pick<LabelTerms, "labels" | "counts">,
  classWeights: readonly number[] | null,
): string {
  if (!classWeights) return counts;
  checkPerClass("--class-weights", classWeights, { output, axis });
  const table = constant(output.dtype, [classWeights.length], classWeights);
  return op.Mul(op.Gather(table, labels, { axis: 0 }), counts);
}

/** Writes −ln p of int64 labels that are all valid classes. */
function surprise(inputs: Inputs, labels: string): Pick<LabelTerms, "losses" | "softmax"> {
  const { op, to, output, form, axis, opset } = inputs;
  const rank = output.shape.length;
  if (opset < sinceOf("GatherElements")) {
    const scores = classesLast(inputs, output.name, rank, axis);
    const hot = to.oneHot(
      labels,
      { rank: rank - 1, classes: Number(output.shape[axis]) },
      output.dtype,
    );
    const logP = logProbabilities(inputs, scores, rank);
    return { losses: crossed(inputs, hot, logP, rank), softmax: null };
  }
  const at = to.unsqueeze(labels, [axis]);
  const picked = op.GatherElements(output.name, at, { axis });
  if (form === "log-probabilities")
    return { losses: op.Neg(to.squeeze(picked, [axis])), softmax: null };
  // In parts: onnxruntime's ReduceLogSumExp takes six times as long, and the gradient reads them.
  const largest = to.reduce("ReduceMax", output.name, [axis]);
  const exponents = op.Exp(op.Sub(output.name, largest));
  const sum = to.reduce("ReduceSum", exponents, [axis]);
  const logSum = op.Add(op.Log(sum), largest);
  const losses = to.squeeze(op.Sub(logSum, picked), [axis]);
  const scores = output.name;
  return { losses, softmax: { scores, logSum, exponents, sum, labels: at, axis } };
}

/** Writes the labels, each shifted ahead by some positions; the last positions have none. */
function shiftedAhead({ op, to, constant, ...inputs }: Inputs, labels: string): string {
  const { target, shift, options } = inputs;
  if (shift === 0) return labels;
  const [rows, length] = target.shape.map(Number);
  const ahead = to.slice(labels, [shift], [length], [1]);
  const none = constant("int64", [1, 1], [options.ignoreIndex]);
  return op.Concat([ahead, to.expand(none, [1, 1], [rows, shift])], { axis: 1 });
}

/** Writes −Σ w ln p over the classes, at each position; w is 1 or the classes' weights. */
export function spreadSurprise(
  inputs: Inputs,
  { softmax }: Pick<LabelTerms, "softmax">,
  weights: readonly number[] | null,
): string {
  const { op, to, output, form, axis } = inputs;
  const rank = output.shape.length;
  const logP = softmax
    ? op.Sub(output.name, softmax.logSum)
    : form === "log-probabilities"
      ? output.name
      : op.LogSoftmax(classesLast(inputs, output.name, rank, axis), { axis: rank - 1 });
  const at = softmax || form === "log-probabilities" ? axis : rank - 1;
  const weighted = weights ? op.Mul(logP, perClass({ ...inputs, axis: at }, weights)) : logP;
  return op.Neg(to.reduce("ReduceSum", weighted, [at], false));
}

/** Writes the share of counted positions at which the largest score is the label's. */
export function labelAccuracy(
  inputs: Inputs,
  { labels, counts, rank }: LabelTerms,
  positions: string,
): string {
  const { op, to, output, axis } = inputs;
  const largest = op.ArgMax(output.name, { axis, keepdims: 0 });
  const right = to.cast(op.Equal(largest, labels), output.dtype);
  return op.Div(total(inputs, op.Mul(right, counts), rank), positions);
}
