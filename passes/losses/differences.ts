import { countedValues, meanOverCounted, valueOptions } from "./counted-values.ts";
import { type LossInputs, type LossWriter, lossFunction } from "./loss.ts";

/** Writes the mean of a function of y − t over the elements that count. */
function meanOfDifference(
  inputs: LossInputs<typeof valueOptions>,
  of: (difference: string) => string,
) {
  const counted = countedValues(inputs);
  const difference = inputs.op.Sub(inputs.output.name, counted.target);
  return meanOverCounted(inputs, counted, of(difference));
}

/** Writes d² / 2 up to a bound of |d|, and bound · (|d| − bound / 2) beyond it. */
function huberOf({ op, number }: LossWriter, difference: string, bound: number): string {
  const size = op.Abs(difference);
  const beyond = op.Relu(op.Sub(size, number(bound)));
  const within = op.Sub(size, beyond);
  const square = op.Mul(op.Mul(within, within), number(0.5));
  return op.Add(square, op.Mul(beyond, number(bound)));
}

/** The mean of (y − t)²: PyTorch's mse_loss. */
export const mse = lossFunction({
  name: "mse",
  about: "mean squared error",
  options: valueOptions,
  write: (inputs) => meanOfDifference(inputs, (off) => inputs.op.Mul(off, off)),
});

/** The mean of |y − t|: PyTorch's l1_loss. */
export const l1 = lossFunction({
  name: "l1",
  about: "mean absolute error",
  options: valueOptions,
  write: (inputs) => meanOfDifference(inputs, (off) => inputs.op.Abs(off)),
});

/** The mean of PyTorch's huber_loss: d² / 2 up to |d| = δ, linear beyond. */
export const huber = lossFunction({
  name: "huber",
  about: "squared error that becomes linear beyond delta",
  options: {
    ...valueOptions,
    delta: {
      type: "number",
      default: 1,
      range: { above: 0 },
      describe: "difference beyond which the loss is linear",
    },
  },
  write: (inputs) => meanOfDifference(inputs, (off) => huberOf(inputs, off, inputs.options.delta)),
});

/** The mean of PyTorch's smooth_l1_loss: d² / 2β up to |d| = β, |d| − β / 2 beyond. */
export const smoothL1 = lossFunction({
  name: "smooth-l1",
  about: "absolute error that is squared below beta",
  options: {
    ...valueOptions,
    beta: {
      type: "number",
      default: 1,
      range: { min: 0 },
      describe: "difference below which the loss is squared",
    },
  },
  write(inputs) {
    const { op, number, options } = inputs;
    if (options.beta === 0) return meanOfDifference(inputs, (off) => op.Abs(off));
    const scale = number(1 / options.beta);
    return meanOfDifference(inputs, (off) => op.Mul(huberOf(inputs, off, options.beta), scale));
  },
});
