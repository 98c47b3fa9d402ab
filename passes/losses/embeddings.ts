import { identity, isFloat, showShape } from "../../src/onnx/dtypes.ts";
import { type FitAsked, type LossInputs, type LossTensor, total } from "./loss.ts";

/** An output that holds the positive of each row. */
export const positiveOutput = {
  type: "string",
  nullable: true,
  describe: "name of the output with the positive example of each row; replaces the target",
} as const;

/** Whether a target holds a label for each row, not vectors. */
export const holdsLabels = ({ dtype }: Pick<LossTensor, "dtype">) => !isFloat(dtype);

/** Returns why rows are not labeled, the end of a sentence; null if they are. */
export function rowLabelsMisfit({ output, target }: FitAsked): string | null {
  const [rows] = output.shape ?? [];
  const [own, ...others] = target?.shape ?? [];
  if (output.shape?.length !== 2)
    return `its output is one vector a row, [batch, features], and this one is ${showShape(output.shape)}; name another output with --output-name`;
  if (!target || isFloat(target.dtype)) return null;
  if (own === rows && others.every((size) => size === 1)) return null;
  return `its labels are one for each row, and these are ${showShape(target.shape)}; name another array with --target`;
}

/** Smaller than the length of any vector that matters. */
const EPSILON = 1e-8;

/** Writes vectors of length 1. */
export function unitVectors({ op, to, output }: LossInputs, vectors: string): string {
  const squares = to.reduce("ReduceSum", op.Mul(vectors, vectors), [1]);
  return op.Div(vectors, op.Sqrt(to.atLeast(squares, EPSILON ** 2, output.dtype)));
}

/** Writes a tensor of another type in that of the output. */
export const asOutput = ({ to, output }: LossInputs, { name, dtype }: LossTensor): string =>
  to.cast(name, output.dtype, dtype);

/** Which rows have one label, and which have another: 1 and 0, [rows, rows]. */
export function rowPairs({ op, to, constant, number, output, target }: LossInputs) {
  const { dtype } = output;
  const rows = Number(output.shape[0]);
  const labels = to.cast(target.name, "int64");
  const [down, across] = [to.reshape(labels, [rows, 1]), to.reshape(labels, [1, rows])];
  const same = to.cast(op.Equal(down, across), dtype);
  const one = number(1);
  const self = constant(dtype, [rows, rows], identity(rows));
  return { self, same: op.Sub(same, self), different: op.Sub(one, same) };
}

/** Writes the mean of a value over the entries that count, and how many these are, as a float. */
export function weightedMean(inputs: LossInputs, value: string, weights: string, rank: number) {
  const { op, to, output } = inputs;
  const count = total(inputs, weights, rank);
  const whole = to.atLeast(count, 1, output.dtype);
  return {
    mean: op.Div(total(inputs, op.Mul(value, weights), rank), whole),
    count: to.cast(count, "float"),
  };
}
