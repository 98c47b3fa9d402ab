import { InputError } from "../../src/errors.ts";
import { agreeing, binary, softplus } from "./binary-values.ts";
import { perClass } from "./class-weights.ts";
import { countedValues, meanOverCounted } from "./counted-values.ts";
import { classAxisOf, type LossInputs, lossFunction } from "./loss.ts";

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
