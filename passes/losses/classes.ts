import { isFloat, showShape, type Type } from "../../src/graph/types.ts";
import { classAxisOf, count, type Judging, type Loss, mean, total, type Verdict } from "./loss.ts";

/** A value with its class axis moved to the end. */
function classesLast({ writing: { op } }: Judging, name: string, rank: number, axis: number) {
  if (axis === rank - 1) return name;
  const kept = Array.from({ length: rank }, (_, k) => k).filter((k) => k !== axis);
  return op.Transpose(name, { perm: [...kept, axis] });
}

/** ln p of the classes, the last axis: of logits, or of what the model's own LogSoftmax gave. */
const logProbabilities = ({ writing: { op } }: Judging, logits: string, rank: number) =>
  op.LogSoftmax(logits, { axis: rank - 1 });

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

/**
 * −Σ q ln softmax(z), the mean over all positions: PyTorch's cross_entropy. q is one at the class
 * that an integer label names, or a soft target of the output's shape. Labels of `ignoreIndex`
 * do not count.
 */
export const crossEntropy: Loss = {
  name: "cross-entropy",
  about: "softmax cross-entropy of integer labels or soft targets",
  looksThrough: ["Softmax", "LogSoftmax"],
  distils: false,
  classAxis: (shape, options) => classAxisOf(shape.length, options),
  misfit(output, target, options) {
    const shape = output.shape!;
    if (shape.length < 2) return `the output ${showShape(shape)} has no axis of classes`;
    if (isFloat(target.dtype))
      return fits(shape, target)
        ? null
        : `soft targets have the output's shape ${showShape(shape)}, and these are ${showShape(target.shape)}`;
    const axis = classAxisOf(shape.length, options);
    const labels = shape.filter((_, k) => k !== axis);
    return fits(labels, target)
      ? null
      : `labels of an output ${showShape(shape)} have the shape ${showShape(labels)}, and these are ${showShape(target.shape)}${fitting(shape, target)}`;
  },
  write(judging): Verdict {
    const { writing, output, target, options } = judging;
    const { op, to, constant } = writing;
    const rank = output.shape.length;
    const axis = classAxisOf(rank, options);
    const classes = output.shape[axis];
    const logits = classesLast(judging, output.name, rank, axis);
    const logP = logProbabilities(judging, logits, rank);
    if (isFloat(target.dtype)) {
      const q = classesLast(judging, target.name, rank, axis);
      const each = crossed(judging, q, logP, rank);
      return {
        loss: mean(writing, each, rank - 1),
        metrics: { accuracy: agreement(judging, logits, q, rank) },
        judged: count(writing, each),
      };
    }
    const labels = target.dtype === "int64" ? target.name : to.cast(target.name, "int64");
    const float = (x: string) => to.cast(x, output.dtype);
    const counts = float(op.Not(op.Equal(labels, constant("int64", [], [options.ignoreIndex]))));
    const hot = to.oneHot(labels, rank - 1, Number(classes), output.dtype);
    const q = op.Mul(hot, to.unsqueeze(counts, [rank - 1]));
    const counted = total(writing, counts, rank - 1);
    const positions = to.atLeast(counted, 1, output.dtype);
    const right = float(op.Equal(op.ArgMax(logits, { axis: rank - 1, keepdims: 0 }), labels));
    return {
      loss: op.Div(total(writing, crossed(judging, q, logP, rank), rank - 1), positions),
      metrics: {
        accuracy: op.Div(total(writing, op.Mul(right, counts), rank - 1), positions),
      },
      judged: to.cast(counted, "float"),
    };
  },
};

/**
 * Towards what the original model gives: T² KL(softmax(t / T) ‖ softmax(z / T)), the mean over
 * all positions (Hinton, Vinyals, Dean 2015), or the mean squared difference of the values.
 */
export const distillation: Loss = {
  name: "distillation",
  about: "towards the original model's own outputs",
  looksThrough: ["Softmax", "LogSoftmax"],
  distils: true,
  classAxis: (shape, options) =>
    options.distil === "features" ? null : classAxisOf(shape.length, options),
  misfit: (output, target) =>
    isFloat(target.dtype) && fits(output.shape!, target)
      ? null
      : `the original gives ${showShape(target.shape)}, and this model ${showShape(output.shape)}`,
  write(judging): Verdict {
    const { writing, output, target, before, options } = judging;
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
    const axis = classAxisOf(rank, options);
    const scalar = (value: number) => constant(output.dtype, [], [value]);
    const given =
      before === "Softmax" ? op.Log(to.atLeast(target.name, 1e-30, output.dtype)) : target.name;
    const teacher = classesLast(judging, given, rank, axis);
    const student = classesLast(judging, output.name, rank, axis);
    const cooled = (x: string) => op.Div(x, scalar(options.temperature));
    const logQ = logProbabilities(judging, cooled(teacher), rank);
    const logP = logProbabilities(judging, cooled(student), rank);
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

/** Another axis of classes with which labels would fit, as an advice. */
function fitting(shape: NonNullable<Type["shape"]>, target: Type): string {
  const axis = shape.findIndex((_, axis) => fits(shape.toSpliced(axis, 1), target));
  return axis < 0 ? "" : `; give --class-axis ${axis}`;
}

/** Whether a target has this shape; sizes that are not known are taken to fit. */
export const fits = (shape: NonNullable<Type["shape"]>, { shape: own }: Type) =>
  own !== null &&
  own.length === shape.length &&
  own.every(
    (dim, k) => typeof dim !== "number" || typeof shape[k] !== "number" || dim === shape[k],
  );
