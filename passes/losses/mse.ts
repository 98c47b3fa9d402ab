import { meanOfDifference, valueOptions } from "./counted-values.ts";
import { lossFunction } from "./loss.ts";

/** The mean of (y − t)²: PyTorch's mse_loss. */
export const mse = lossFunction({
  name: "mse",
  about: "mean squared error",
  options: valueOptions,
  write: (inputs) => meanOfDifference(inputs, (off) => inputs.op.Mul(off, off)),
});
