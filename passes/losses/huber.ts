import { lossFunction } from "./loss.ts";
import { huberOf, meanOfDifference, plainValues } from "./values.ts";

/** The mean of PyTorch's huber_loss: d² / 2 up to |d| = δ, linear beyond. */
export const huber = lossFunction({
  ...plainValues,
  name: "huber",
  about: "squared error that becomes linear beyond delta",
  options: {
    ...plainValues.options,
    delta: {
      type: "number",
      default: 1,
      range: { above: 0 },
      describe: "difference beyond which the loss is linear",
    },
  },
  write: (inputs) => meanOfDifference(inputs, (off) => huberOf(inputs, off, inputs.options.delta)),
});
