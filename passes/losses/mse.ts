import { lossFunction } from "./loss.ts";
import { meanOfDifference, plainValues } from "./values.ts";

/** The mean of (y − t)²: PyTorch's mse_loss. */
export const mse = lossFunction({
  ...plainValues,
  name: "mse",
  about: "mean squared error",
  write: (inputs) => meanOfDifference(inputs, (off) => inputs.writing.op.Mul(off, off)),
});
