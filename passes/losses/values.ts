import type { Writing } from "../../src/graph/builder.ts";
import { elementCount, type LossTensor, lossFunction, mean, values } from "./loss.ts";

/** What losses of values against targets of the same type and shape share. */
const plain = {
  options: {},
  reads: () => "values" as const,
  looksThrough: [],
  distils: false,
};

/** The mean of (y − t)²: PyTorch's mse_loss. */
export const mse = lossFunction({
  ...plain,
  name: "mse",
  about: "mean squared error",
  write({ writing, output, target }) {
    const off = writing.op.Sub(output.name, target.name);
    const loss = mean(writing, writing.op.Mul(off, off), output.shape.length);
    return { loss, metrics: {}, examples: elementCount(writing, off) };
  },
});

/** The mean of |y − t|: PyTorch's l1_loss. */
export const l1 = lossFunction({
  ...plain,
  name: "l1",
  about: "mean absolute error",
  write({ writing, output, target }) {
    const off = writing.op.Abs(writing.op.Sub(output.name, target.name));
    const loss = mean(writing, off, output.shape.length);
    return { loss, metrics: {}, examples: elementCount(writing, off) };
  },
});

/** ln(1 + eᶻ); of doubles, which onnxruntime's Softplus does not take, max(z, 0) + ln(1 + e^−|z|). */
function softplus({ op, to, constant }: Writing, { name, dtype }: LossTensor): string {
  if (dtype !== "double") return op.Softplus(name);
  const small = op.Exp(op.Neg(op.Abs(name)));
  return op.Add(to.atLeast(name, 0, dtype), op.Log(op.Add(small, constant(dtype, [], [1]))));
}

/** The mean of softplus(z) − z t, z a logit: PyTorch's binary_cross_entropy_with_logits. */
export const binaryCrossEntropy = lossFunction({
  ...plain,
  name: "binary-cross-entropy",
  about: "sigmoid cross-entropy of targets from 0 to 1",
  options: { values },
  reads: () => "shares",
  looksThrough: ["Sigmoid"],
  write({ writing, output, target }) {
    const { op, to, constant } = writing;
    const rank = output.shape.length;
    const term = op.Sub(softplus(writing, output), op.Mul(output.name, target.name));
    const yes = (x: string, above: number) => op.Greater(x, constant(output.dtype, [], [above]));
    const right = op.Equal(yes(output.name, 0), yes(target.name, 0.5));
    return {
      loss: mean(writing, term, rank),
      metrics: { accuracy: mean(writing, to.cast(right, "float"), rank) },
      examples: elementCount(writing, term),
    };
  },
});

/** PyTorch's lower bound of |y| |t|. */
const EPSILON = 1e-8;

/** The mean of 1 − cos(y, t) over the last axis: one minus PyTorch's cosine_similarity. */
export const cosine = lossFunction({
  ...plain,
  name: "cosine",
  about: "one minus the cosine along the last axis",
  write({ writing, output, target }) {
    const { op, to, constant } = writing;
    const rank = output.shape.length;
    const dot = (a: string, b: string) => to.reduce("ReduceSum", op.Mul(a, b), [rank - 1], false);
    const [y, t] = [output.name, target.name];
    const squared = op.Mul(dot(y, y), dot(t, t));
    // Bounded before the root, because its slope at 0 is infinite.
    const bounded = op.Sqrt(to.atLeast(squared, EPSILON ** 2, output.dtype));
    const all = op.Div(dot(y, t), bounded);
    const cos = mean(writing, all, rank - 1);
    const loss = op.Sub(constant(output.dtype, [], [1]), cos);
    return { loss, metrics: { cosine: cos }, examples: elementCount(writing, all) };
  },
});
