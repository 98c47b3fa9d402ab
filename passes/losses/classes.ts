import type { Writing } from "../../src/graph/builder.ts";
import {
  count,
  type GradientStart,
  type Judging,
  type Loss,
  mean,
  total,
  type Verdict,
} from "./loss.ts";
import { logOf } from "./probabilities.ts";

/** A value with its class axis moved to the end. */
function classesLast({ writing: { op } }: Judging, name: string, rank: number, axis: number) {
  if (axis === rank - 1) return name;
  const kept = Array.from({ length: rank }, (_, k) => k).filter((k) => k !== axis);
  return op.Transpose(name, { perm: [...kept, axis] });
}

/** ln p of the classes, the last axis. */
const logProbabilities = ({ writing: { op }, form }: Judging, scores: string, rank: number) =>
  form === "log-probabilities" ? scores : op.LogSoftmax(scores, { axis: rank - 1 });

/** −Σ q ln p over the classes, at each position. */
function crossed({ writing: { op, to } }: Judging, q: string, logP: string, rank: number): string {
  return op.Neg(to.reduce("ReduceSum", op.Mul(q, logP), [rank - 1], false));
}

/** The share of positions at which two values have their largest class at the same place. */
function agreement({ writing }: Judging, a: string, b: string, rank: number): string {
  const { op, to } = writing;
  const largest = (x: string) => op.ArgMax(x, { axis: rank - 1, keepdims: 0 });
  return mean(writing, to.cast(op.Equal(largest(a), largest(b)), "float"), rank - 1);
}

/** GatherElements, since which no table as large as the output is needed to pick out labels. */
const PICKING = 11;

/** −ln p of the labels, at each position; and what its gradient takes, if that is written at once. */
interface Surprise {
  readonly each: string;
  readonly start: Omit<GradientStart, "weights"> | null;
}

/** Writes −ln p of labels, int64 and all of them classes. */
function surprise(judging: Judging, labels: string): Surprise {
  const { writing, output, form, axis, opset } = judging;
  const { op, to } = writing;
  const rank = output.shape.length;
  if (opset < PICKING) {
    const scores = classesLast(judging, output.name, rank, axis);
    const hot = to.oneHot(labels, rank - 1, Number(output.shape[axis]), output.dtype);
    const logP = logProbabilities(judging, scores, rank);
    return { each: crossed(judging, hot, logP, rank), start: null };
  }
  const at = to.unsqueeze(labels, [axis]);
  const picked = op.GatherElements(output.name, at, { axis });
  if (form === "log-probabilities")
    return { each: op.Neg(to.squeeze(picked, [axis])), start: null };
  const logSum = to.reduce("ReduceLogSumExp", output.name, [axis]);
  const each = to.squeeze(op.Sub(logSum, picked), [axis]);
  return { each, start: { scores: output.name, logSum, labels: at, axis } };
}

/** Writes the gradient of a cross-entropy by its scores: softmax less 1 at the label, weighed. */
export function gradientByScores(
  { op }: Writing,
  { scores, logSum, labels, weights, axis }: GradientStart,
): string {
  const shares = op.Mul(op.Exp(op.Sub(scores, logSum)), weights);
  const own = op.Sub(op.GatherElements(shares, labels, { axis }), weights);
  return op.ScatterElements(shares, labels, own, { axis });
}

/** The labels, each moved ahead by some positions; there is none for the last ones. */
function shifted({ writing, target, shift, options }: Judging, labels: string): string {
  if (shift === 0) return labels;
  const { op, to, constant } = writing;
  const [rows, length] = target.shape.map(Number);
  const ahead = to.slice(labels, [shift], [length], [1]);
  const none = constant("int64", [1, 1], [options.ignoreIndex]);
  return op.Concat([ahead, to.expand(none, [1, 1], [rows, shift])], { axis: 1 });
}

/** Cross-entropy of class numbers. */
function ofLabels(judging: Judging): Verdict {
  const { writing, output, target, axis, options } = judging;
  const { op, to, constant } = writing;
  const rank = output.shape.length;
  const given = target.dtype === "int64" ? target.name : to.cast(target.name, "int64");
  const labels = shifted(judging, given);
  const counting = op.Not(op.Equal(labels, constant("int64", [], [options.ignoreIndex])));
  const counts = to.cast(counting, output.dtype);
  const { each, start } = surprise(judging, op.Mul(labels, to.cast(counting, "int64")));
  const counted = total(writing, counts, rank - 1);
  const positions = to.atLeast(counted, 1, output.dtype);
  const largest = op.ArgMax(output.name, { axis, keepdims: 0 });
  const right = to.cast(op.Equal(largest, labels), output.dtype);
  return {
    loss: op.Div(total(writing, op.Mul(each, counts), rank - 1), positions),
    metrics: { accuracy: op.Div(total(writing, op.Mul(right, counts), rank - 1), positions) },
    judged: to.cast(counted, "float"),
    ...(start
      ? { start: { ...start, weights: to.unsqueeze(op.Div(counts, positions), [axis]) } }
      : {}),
  };
}

/** Cross-entropy of a share for each class. */
function ofShares(judging: Judging): Verdict {
  const { writing, output, target, axis } = judging;
  const rank = output.shape.length;
  const scores = classesLast(judging, output.name, rank, axis);
  const q = classesLast(judging, target.name, rank, axis);
  const each = crossed(judging, q, logProbabilities(judging, scores, rank), rank);
  return {
    loss: mean(writing, each, rank - 1),
    metrics: { accuracy: agreement(judging, scores, q, rank) },
    judged: count(writing, each),
  };
}

/**
 * −Σ q ln softmax(z), the mean over all positions: PyTorch's cross_entropy. q is one at the class
 * that a label names, or a soft target of the output's shape. Labels of `ignoreIndex` do not
 * count. Of probabilities p it is −Σ q ln p.
 */
export const crossEntropy: Loss = {
  name: "cross-entropy",
  about: "softmax cross-entropy of integer labels or soft targets",
  reads: "classes",
  looksThrough: ["Softmax", "LogSoftmax"],
  distils: false,
  write: (judging) => (judging.target.form === "labels" ? ofLabels(judging) : ofShares(judging)),
};

/**
 * Towards what the original model gives: T² KL(softmax(t / T) ‖ softmax(z / T)), the mean over
 * all positions (Hinton, Vinyals, Dean 2015), or the mean squared difference of the values.
 */
export const distillation: Loss = {
  name: "distillation",
  about: "towards the original model's own outputs",
  reads: "classes",
  looksThrough: ["Softmax", "LogSoftmax"],
  distils: true,
  write(judging): Verdict {
    const { writing, output, target, form, before, axis, options } = judging;
    const { op, to, constant } = writing;
    const rank = output.shape.length;
    if (options.distil === "features") {
      const off = op.Sub(output.name, target.name);
      return {
        loss: mean(writing, op.Mul(off, off), rank),
        metrics: {},
        judged: count(writing, off),
      };
    }
    const scalar = (value: number) => constant(output.dtype, [], [value]);
    const given =
      form === "log-probabilities"
        ? logOf(writing, target.name, output.dtype)
        : before === "Softmax"
          ? op.Log(to.atLeast(target.name, 1e-30, output.dtype))
          : target.name;
    const teacher = classesLast(judging, given, rank, axis);
    const student = classesLast(judging, output.name, rank, axis);
    const cooled = (x: string) => op.Div(x, scalar(options.temperature));
    // Logarithms of probabilities are logits too, and no longer such once they are cooled.
    const normal = (x: string) => op.LogSoftmax(cooled(x), { axis: rank - 1 });
    const [logQ, logP] = [normal(teacher), normal(student)];
    const q = op.Exp(logQ);
    const terms = op.Mul(q, op.Sub(logQ, logP));
    const each = to.reduce("ReduceSum", terms, [rank - 1], false);
    return {
      loss: op.Mul(mean(writing, each, rank - 1), scalar(options.temperature ** 2)),
      metrics: { agreement: agreement(judging, student, teacher, rank) },
      judged: count(writing, each),
    };
  },
};
