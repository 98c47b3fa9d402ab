import { lossFunction, mean } from "./loss.ts";

/** The model's own output as the loss: a scalar of the batch, or the mean of one number a row. */
export const modelOutput = lossFunction({
  name: "output",
  about: "the model's own output is the loss",
  options: {},
  targetless: () => true,
  write(inputs) {
    const { op, constant, output, rows } = inputs;
    const rank = output.shape.length;
    const loss = rank === 0 ? op.Identity(output.name) : mean(inputs, output.name, rank);
    return { loss, metrics: {}, examples: op.Identity(constant("float", [], [rows])) };
  },
});
