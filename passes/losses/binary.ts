import { InputError } from "../../src/errors.ts";
import { perClass } from "./class-weights.ts";
import { countedValues, meanOverCounted, valueOptions } from "./counted-values.ts";
import { alpha, gamma } from "./focal.ts";
import {
  classAxisOf,
  type LossInputs,
  type LossTensor,
  type LossWriter,
  lossFunction,
  values,
} from "./loss.ts";

/** What losses of yes/no targets share. */
const binary = {
  options: { ...valueOptions, values },
  reads: () => "shares" as const,
  looksThrough: ["Sigmoid"] as const,
};

/** ln(1 + eᶻ); of doubles, which onnxruntime's Softplus does not take, max(z, 0) + ln(1 + e^−|z|). */
function softplus({ op, to, number }: LossWriter, { name, dtype }: LossTensor): string {
  if (dtype !== "double") return op.Softplus(name);
  const small = op.Exp(op.Neg(op.Abs(name)));
  return op.Add(to.atLeast(name, 0, dtype), op.Log(op.Add(small, number(1))));
}

/** Writes 1 where logit and target are on the same side, otherwise 0. */
function agreeing({ op, to, number, output }: Omit<LossInputs, "options">, target: string) {
  const yes = (x: string, above: number) => op.Greater(x, number(above));
  return to.cast(op.Equal(yes(output.name, 0), yes(target, 0.5)), output.dtype);
}

const options = {
  ...binary.options,
  posWeight: {
    type: "number",
    array: true,
    nullable: true,
    range: { min: 0 },
    describe: "weight of positive targets: one number, or one for each label (1,3,2)",
  },
} as const;

type Inputs = LossInputs<typeof options>;

/** Writes p t + (1 − t), the weight of both sides of a target; null without weights. */
function weightOf(inputs: Inputs, target: string) {
  const { op, constant, number, output, options } = inputs;
  const { posWeight } = options;
  if (posWeight === null) return null;
  const { shape, dtype } = output;
  const axis = shape.length < 2 ? 0 : classAxisOf(shape.length, { classAxis: null });
  const labels = shape.length < 2 ? 1 : Number(shape[axis]);
  if (posWeight.length !== 1 && posWeight.length !== labels)
    throw new InputError(
      `--pos-weight has ${posWeight.length} numbers, and the output has ${labels} ${labels === 1 ? "label" : "labels"}; give one, or one for each.`,
    );
  const more = posWeight.map((weight) => weight - 1);
  const table = more.length === 1 ? constant(dtype, [], more) : perClass({ ...inputs, axis }, more);
  return op.Add(op.Mul(table, target), number(1));
}

/**
 * The mean of (1 − t) z + (p t + 1 − t) softplus(−z), z a logit: PyTorch's
 * binary_cross_entropy_with_logits, p being `posWeight`. Targets that are NaN do not count.
 */
export const binaryCrossEntropy = lossFunction({
  ...binary,
  name: "binary-cross-entropy",
  about: "sigmoid cross-entropy of targets from 0 to 1",
  options,
  write(inputs) {
    const { op, number, output } = inputs;
    const counted = countedValues(inputs);
    const weight = weightOf(inputs, counted.target);
    const one = number(1);
    const term =
      weight === null
        ? op.Sub(softplus(inputs, output), op.Mul(output.name, counted.target))
        : op.Add(
            op.Mul(op.Sub(one, counted.target), output.name),
            op.Mul(weight, softplus(inputs, { ...output, name: op.Neg(output.name) })),
          );
    return meanOverCounted(inputs, counted, term, { accuracy: agreeing(inputs, counted.target) });
  },
});

/**
 * The mean of α' (1 − p')^γ times the sigmoid cross-entropy, as torchvision's sigmoid_focal_loss.
 * Here p' is the probability of the target, α' is α for a yes and 1 − α for a no. Targets that are
 * NaN do not count.
 */
export const binaryFocal = lossFunction({
  ...binary,
  name: "binary-focal",
  about: "focal loss of targets from 0 to 1",
  options: { ...binary.options, gamma, alpha },
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

/** torchvision's default. */
const ALPHA = 0.25;

/** 1 − p' is held above this, so that every power of it has a finite slope. */
const SMALLEST = 1e-12;
