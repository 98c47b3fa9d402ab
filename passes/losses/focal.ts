import { InputError } from "../../src/errors.ts";
import type { Options } from "../../src/options.ts";
import { logProbabilities, meanOfShares } from "./class-values.ts";
import { weightedShares } from "./class-weights.ts";
import { labelAccuracy, labelOptions, labelTerms } from "./labels.ts";
import { type LossInputs, type LossOutputs, lossFunction, ofClasses, total } from "./loss.ts";
import { softmaxGradient } from "./softmax-gradient.ts";

/** The exponent of a focal loss. */
export const gamma = {
  type: "number",
  default: 2,
  range: { min: 0 },
  describe:
    "exponent γ of the focal loss; a higher one reduces the weight of well-classified examples",
} as const;

/** The weights of a focal loss. */
export const alpha = {
  type: "number",
  array: true,
  nullable: true,
  range: { min: 0 },
  describe:
    "factor α of the focal loss: one number, or one for each class; for binary-focal, α weights positives and 1 − α negatives  [default: 0.25 for binary-focal]",
} as const;

const options = {
  ...labelOptions,
  gamma,
  alpha,
} as const satisfies Options;

type Inputs = LossInputs<typeof options>;

/** 1 − p is held above this, so that its logarithm and every power of it are finite. */
const SMALLEST = 1e-12;

/** Writes (1 − p)^γ, for p = exp(−surprise), and the slope of (1 − p)^γ · surprise. */
function focus({ op, to, number, output, options }: Inputs, surprise: string) {
  const p = op.Exp(op.Neg(surprise));
  const other = to.atLeast(op.Sub(number(1), p), SMALLEST, output.dtype);
  const factor = op.Pow(other, number(options.gamma));
  const slope = () => {
    const inner = op.Mul(op.Div(op.Mul(p, surprise), other), number(options.gamma));
    return op.Mul(factor, op.Add(inner, number(1)));
  };
  return { factor, slope };
}

function factorsOf({ output, axis, options: { alpha } }: Inputs): readonly number[] | null {
  const classes = Number(output.shape[axis]);
  if (alpha?.length === 1) return new Array(classes).fill(alpha[0]);
  if (alpha === null || alpha.length === classes) return alpha;
  throw new InputError(
    `--alpha has ${alpha.length} numbers, and the output has ${classes} classes; give one, or one for each.`,
  );
}

function ofLabels(inputs: Inputs): LossOutputs {
  const { op, to, output, axis } = inputs;
  const terms = labelTerms(inputs, factorsOf(inputs));
  const { rank, counts, weights, losses, softmax } = terms;
  const { factor, slope } = focus(inputs, losses);
  const counted = total(inputs, counts, rank);
  const positions = to.atLeast(counted, 1, output.dtype);
  const start = () => {
    const own = to.unsqueeze(op.Div(op.Mul(weights, slope()), positions), [axis]);
    return softmaxGradient({ ...softmax!, factor: own, atLabel: own, spread: null });
  };
  return {
    loss: op.Div(total(inputs, op.Mul(op.Mul(losses, factor), weights), rank), positions),
    metrics: { accuracy: labelAccuracy(inputs, terms, positions) },
    examples: to.cast(counted, "float"),
    ...(softmax ? { start: start() } : {}),
  };
}

/** Focal loss of class shares: the sum over the classes, each by its share. */
function ofShares(inputs: Inputs): LossOutputs {
  const { op, to } = inputs;
  return meanOfShares(inputs, ({ scores, shares, rank }) => {
    const surprise = op.Neg(logProbabilities(inputs, scores, rank));
    const { factor } = focus(inputs, surprise);
    const weighted = weightedShares(inputs, shares, factorsOf(inputs));
    const terms = op.Mul(op.Mul(surprise, factor), weighted);
    return to.reduce("ReduceSum", terms, [rank - 1], false);
  });
}

/**
 * The mean of −α (1 − p)^γ ln p over the labels that count (Lin et al. 2017), p the softmax of the
 * label's class.
 */
export const focal = lossFunction({
  ...ofClasses,
  name: "focal",
  about: "focal loss of integer labels or soft targets",
  options,
  write: (inputs) => (inputs.target.form === "labels" ? ofLabels(inputs) : ofShares(inputs)),
});
