import { lossFunction } from "./loss.ts";
import { meanOfDifference, plainValues } from "./values.ts";

/** The mean of |y − t|: PyTorch's l1_loss. */
export const l1 = lossFunction({
  ...plainValues,
  name: "l1",
  about: "mean absolute error",
  write: (inputs) => meanOfDifference(inputs, (off) => inputs.writing.op.Abs(off)),
});
