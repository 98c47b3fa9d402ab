import { countedValues, meanOverCounted, type valueOptions } from "./counted-values.ts";
import type { LossInputs } from "./loss.ts";

/** Writes the mean of a function of y − t over the elements that count. */
export function meanOfDifference(
  inputs: LossInputs<typeof valueOptions>,
  of: (difference: string) => string,
) {
  const counted = countedValues(inputs);
  const difference = inputs.writing.op.Sub(inputs.output.name, counted.target);
  return meanOverCounted(inputs, counted, of(difference));
}

/** Writes d² / 2 up to a bound of |d|, and bound · (|d| − bound / 2) beyond it. */
export function huberOf(
  { writing: { op, constant }, output: { dtype } }: Pick<LossInputs, "writing" | "output">,
  difference: string,
  bound: number,
): string {
  const number = (value: number) => constant(dtype, [], [value]);
  const size = op.Abs(difference);
  const beyond = op.Relu(op.Sub(size, number(bound)));
  const within = op.Sub(size, beyond);
  const square = op.Mul(op.Mul(within, within), number(0.5));
  return op.Add(square, op.Mul(beyond, number(bound)));
}
