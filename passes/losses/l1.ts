import { meanOfDifference, valueOptions } from "./counted-values.ts";
import { lossFunction } from "./loss.ts";

/** The mean of |y − t|: PyTorch's l1_loss. */
export const l1 = lossFunction({
  name: "l1",
  about: "mean absolute error",
  options: valueOptions,
  write: (inputs) => meanOfDifference(inputs, (off) => inputs.op.Abs(off)),
});
