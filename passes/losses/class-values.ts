import { range } from "../../src/onnx/dtypes.ts";
import { elementCount, type LossInputs, type LossOutputs, mean } from "./loss.ts";

/** Moves the class axis of a value to the end. */
export function classesLast({ op }: LossInputs, name: string, rank: number, axis: number) {
  if (axis === rank - 1) return name;
  const kept = range(rank).filter((k) => k !== axis);
  return op.Transpose(name, { perm: [...kept, axis] });
}

/** Writes ln p of the classes, on the last axis. */
export const logProbabilities = ({ op, form }: LossInputs, scores: string, rank: number) =>
  form === "log-probabilities" ? scores : op.LogSoftmax(scores, { axis: rank - 1 });

/** Writes −Σ q ln p over the classes, at each position. */
export const crossed = ({ op, to }: LossInputs, q: string, logP: string, rank: number) =>
  op.Neg(to.reduce("ReduceSum", op.Mul(q, logP), [rank - 1], false));

/** Writes the share of positions at which two values have the same argmax. */
export function agreement(inputs: LossInputs, a: string, b: string, rank: number): string {
  const { op, to } = inputs;
  const largest = (x: string) => op.ArgMax(x, { axis: rank - 1, keepdims: 0 });
  return mean(inputs, to.cast(op.Equal(largest(a), largest(b)), "float"), rank - 1);
}

/** Scores and class shares, both with the classes on the last of `rank` axes. */
interface Shares {
  readonly scores: string;
  readonly shares: string;
  readonly rank: number;
}

/** Writes a loss of class shares: the mean over all positions of what `write` writes at each. */
export function meanOfShares(inputs: LossInputs, write: (at: Shares) => string): LossOutputs {
  const { output, target, axis } = inputs;
  const rank = output.shape.length;
  const scores = classesLast(inputs, output.name, rank, axis);
  const shares = classesLast(inputs, target.name, rank, axis);
  const perExample = write({ scores, shares, rank });
  return {
    loss: mean(inputs, perExample, rank - 1),
    metrics: { accuracy: agreement(inputs, scores, shares, rank) },
    examples: elementCount(inputs, perExample),
  };
}
