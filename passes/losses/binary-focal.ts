import { InputError } from "../../src/errors.ts";
import { agreeing, binary, softplus } from "./binary-values.ts";
import { countedValues, meanOverCounted } from "./counted-values.ts";
import { alpha, gamma } from "./focal.ts";
import { lossFunction } from "./loss.ts";

const ALPHA = 0.25;

/**
 * The mean of α' (1 − p')^γ times the sigmoid cross-entropy, as torchvision's sigmoid_focal_loss.
 * Here p' is the probability of the target, α' is α for a yes and 1 − α for a no. Targets that are
 * NaN do not count.
 */
export const binaryFocal = lossFunction({
  ...binary,
  name: "binary-focal",
  about: "focal loss of targets from 0 to 1",
  options: {
    ...binary.options,
    gamma,
    alpha,
  },
  write(inputs) {
    const { op, to, number, output, options } = inputs;
    const { alpha, gamma } = options;
    if (alpha !== null && (alpha.length !== 1 || alpha[0] > 1))
      throw new InputError(
        `--alpha of binary-focal must be one number from 0 to 1 (got ${alpha.join(", ")}).`,
      );
    const counted = countedValues(inputs);
    const t = counted.target;
    const surprise = op.Sub(softplus(inputs, output), op.Mul(output.name, t));
    const p = op.Sigmoid(output.name);
    // 1 − p', for p' = p t + (1 − p)(1 − t).
    const other = op.Sub(op.Add(p, t), op.Mul(op.Mul(p, t), number(2)));
    const factor = op.Pow(to.atLeast(other, SMALLEST, output.dtype), number(gamma));
    const yes = alpha?.[0] ?? ALPHA;
    const side = op.Add(op.Mul(t, number(2 * yes - 1)), number(1 - yes));
    const term = op.Mul(op.Mul(surprise, factor), side);
    return meanOverCounted(inputs, counted, term, { accuracy: agreeing(inputs, t) });
  },
});

/** 1 − p' is held above this, so that every power of it has a finite slope. */
const SMALLEST = 1e-12;
