import { elementCount, lossFunction, mean } from "./loss.ts";

/** PyTorch's lower bound of |y| |t|. */
const EPSILON = 1e-8;

/** The mean of 1 − cos(y, t) over the last axis: one minus PyTorch's cosine_similarity. */
export const cosine = lossFunction({
  name: "cosine",
  about: "one minus the cosine along the last axis",
  options: {},
  write(inputs) {
    const { op, to, number, output, target } = inputs;
    const rank = output.shape.length;
    const dot = (a: string, b: string) => to.reduce("ReduceSum", op.Mul(a, b), [rank - 1], false);
    const [y, t] = [output.name, target.name];
    const squared = op.Mul(dot(y, y), dot(t, t));
    // Bounded before the root, because its slope at 0 is infinite.
    const bounded = op.Sqrt(to.atLeast(squared, EPSILON ** 2, output.dtype));
    const cosines = op.Div(dot(y, t), bounded);
    const cos = mean(inputs, cosines, rank - 1);
    const loss = op.Sub(number(1), cos);
    return { loss, metrics: { cosine: cos }, examples: elementCount(inputs, cosines) };
  },
});
