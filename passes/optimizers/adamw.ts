import { optimizer } from "./optimizer.ts";

/**
 * AdamW as PyTorch's: m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g²,
 * w ← w (1 − lr λ) − lr / (1 − β₁ᵗ) · m / (√(v / (1 − β₂ᵗ)) + ε)
 * (Loshchilov and Hutter, Decoupled Weight Decay Regularization, algorithm 2).
 */
export const adamw = optimizer({
  name: "adamw",
  about: "Adam with decoupled weight decay",
  state: ["exp_avg", "exp_avg_sq"],
  options: {
    betas: {
      type: "number",
      array: true,
      length: 2,
      default: [0.9, 0.999],
      range: { min: 0, below: 1 },
      describe: "decay rates of the running averages of the gradient and of its square",
    },
    eps: {
      type: "number",
      default: 1e-8,
      range: { above: 0 },
      describe: "number added to the denominator, against divisions by zero",
    },
  },
  write({ builder, dtype, weight, gradient, state, lr, step, momentum, weightDecay, options }) {
    const { op, constant } = builder;
    const scalar = (value: number) => constant(dtype, [], [value]);
    const fixed = (beta: number) => ({
      beta: scalar(beta),
      others: scalar(1 - beta),
      half: scalar(-Math.log(beta) / 2),
    });
    const changing = (beta: string) => ({
      beta,
      others: op.Sub(scalar(1), beta),
      half: op.Mul(op.Log(beta), scalar(-1 / 2)),
    });
    const [one, two] = [
      momentum ? changing(momentum) : fixed(options.betas[0]),
      fixed(options.betas[1]),
    ];
    const follow = (old: string, next: string, { beta, others }: typeof one) =>
      op.Add(op.Mul(old, beta), op.Mul(next, others));
    // 1 − βᵗ = 2 h / (1 + h), h = tanh(−t ln β / 2): where βᵗ is near 1, the difference loses digits.
    const corrected = ({ half }: typeof one) => {
      const h = op.Tanh(op.Mul(step, half));
      return op.Div(op.Add(h, h), op.Add(h, scalar(1)));
    };
    const first = follow(state.exp_avg, gradient, one);
    const second = follow(state.exp_avg_sq, op.Mul(gradient, gradient), two);
    const root = op.Sqrt(op.Div(second, corrected(two)));
    const pace = op.Div(lr, corrected(one));
    const move = op.Div(op.Mul(first, pace), op.Add(root, scalar(options.eps)));
    const kept =
      weightDecay === 0
        ? weight
        : op.Mul(weight, op.Sub(scalar(1), op.Mul(lr, scalar(weightDecay))));
    return { weight: op.Sub(kept, move), state: { exp_avg: first, exp_avg_sq: second } };
  },
});
