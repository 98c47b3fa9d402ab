import { InputError } from "../../src/errors.ts";
import type { LossInputs } from "./loss.ts";

/** Weights of the classes, for losses that have classes. */
export const classWeights = {
  type: "number",
  array: true,
  nullable: true,
  range: { min: 0 },
  describe: "weights of the classes (1,2,0.5)",
} as const;

/** Writes one number a class, to be broadcast over the output's positions. */
export function perClass(
  { writing: { constant }, output, axis }: Pick<LossInputs, "writing" | "output" | "axis">,
  numbers: readonly number[],
): string {
  const dims = output.shape.map((_, k) => (k === axis ? numbers.length : 1));
  return constant(output.dtype, dims, numbers);
}

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
