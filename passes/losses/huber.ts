import { huberOf, meanOfDifference, valueOptions } from "./counted-values.ts";
import { lossFunction } from "./loss.ts";

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
