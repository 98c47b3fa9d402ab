import { huberOf, meanOfDifference, valueOptions } from "./counted-values.ts";
import { lossFunction } from "./loss.ts";

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
