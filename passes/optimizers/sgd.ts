import { optimizer } from "./optimizer.ts";

/** SGD with momentum as PyTorch's: b ← μ b + (g + λ w), w ← w − lr b. */
export const sgd = optimizer({
  name: "sgd",
  about: "stochastic gradient descent with momentum",
  state: ["momentum_buffer"],
  options: {
    momentum: {
      type: "number",
      default: 0.9,
      range: { min: 0 },
      describe: "momentum factor",
    },
  },
  write({ builder, dtype, weight, gradient, state, lr, momentum, weightDecay, options }) {
    const { op, constant } = builder;
    const scalar = (value: number) => constant(dtype, [], [value]);
    const decayed =
      weightDecay === 0 ? gradient : op.Add(gradient, op.Mul(weight, scalar(weightDecay)));
    const buffer = op.Add(
      op.Mul(state.momentum_buffer, momentum ?? scalar(options.momentum)),
      decayed,
    );
    return { weight: op.Sub(weight, op.Mul(buffer, lr)), state: { momentum_buffer: buffer } };
  },
});
