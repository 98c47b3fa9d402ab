import { InputError } from "../../src/errors.ts";
import type { LossInputs } from "./loss.ts";

/** Class weights that are counted from the labels of the training data. */
export const BALANCED = "balanced";

/** Weights of the classes, for losses that have classes. */
export const classWeights = {
  type: "number",
  array: true,
  nullable: true,
  words: [BALANCED],
  range: { min: 0 },
  describe:
    "weights of the classes (1,2,0.5); balanced derives them from the labels of the training data",
} as const;

/** Returns class weights as numbers. Throws an InputError if they are still to be counted. */
export function countedWeights(
  given: readonly number[] | typeof BALANCED | null,
): readonly number[] | null {
  if (given !== BALANCED) return given;
  throw new InputError(
    "--class-weights balanced is counted from the training data, which is not known here; give numbers, n / (classes · count).",
  );
}

/** Writes one number a class, to be broadcast over the output's positions. */
export function perClass(
  { constant, output, axis }: Pick<LossInputs, "constant" | "output" | "axis">,
  numbers: readonly number[],
): string {
  const dims = output.shape.map((_, k) => (k === axis ? numbers.length : 1));
  return constant(output.dtype, dims, numbers);
}

/** Writes class shares, on the last axis, times the weights of the classes. */
export const weightedShares = (
  { op, constant, output }: LossInputs,
  shares: string,
  weights: readonly number[] | null,
): string =>
  weights
    ? op.Mul(shares, perClass({ constant, output, axis: output.shape.length - 1 }, weights))
    : shares;

/** Throws an InputError unless there is one number for each class. */
export function checkPerClass(
  option: string,
  numbers: readonly number[],
  { output, axis }: Pick<LossInputs, "output" | "axis">,
): void {
  const classes = Number(output.shape[axis] ?? 1);
  if (numbers.length !== classes)
    throw new InputError(
      `${option} has ${numbers.length} ${numbers.length === 1 ? "number" : "numbers"}, and the output has ${classes} ${classes === 1 ? "class" : "classes"}; give one for each.`,
    );
}
