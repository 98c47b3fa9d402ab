import type { Options } from "../../src/options.ts";
import { crossed, logProbabilities, meanOfShares } from "./class-values.ts";
import {
  checkPerClass,
  classWeights,
  countedWeights,
  perClass,
  weightedShares,
} from "./class-weights.ts";
import {
  type LabelTerms,
  labelAccuracy,
  labelOptions,
  labelTerms,
  spreadSurprise,
} from "./labels.ts";
import {
  type GradientStart,
  type LossInputs,
  type LossOutputs,
  lossFunction,
  ofClasses,
  total,
} from "./loss.ts";
import { softmaxGradient } from "./softmax-gradient.ts";

const options = {
  ...labelOptions,
  classWeights,
  labelSmoothing: {
    type: "number",
    default: 0,
    range: { min: 0, below: 1 },
    describe: "share of each target that is spread over all classes",
  },
} as const satisfies Options;

type Inputs = LossInputs<typeof options>;

/** Smaller than any sum of weights that is not 0. */
const TINY = 1e-30;

function ofLabels(inputs: Inputs): LossOutputs {
  const { op, to, number, output, axis, options } = inputs;
  const { labelSmoothing: share } = options;
  const classWeights = countedWeights(options.classWeights);
  const classes = Number(output.shape[axis]);
  const terms = labelTerms(inputs, classWeights);
  const { rank, counts, weights, losses } = terms;
  const counted = total(inputs, counts, rank);
  const positions = to.atLeast(counted, 1, output.dtype);
  const weight = classWeights ? total(inputs, weights, rank) : counted;
  const whole = classWeights ? to.atLeast(weight, TINY, output.dtype) : positions;
  const own = op.Mul(losses, weights);
  const spread = (factor: number) =>
    op.Mul(op.Mul(spreadSurprise(inputs, terms, classWeights), counts), number(factor));
  const term = share === 0 ? own : op.Add(op.Mul(own, number(1 - share)), spread(share / classes));
  return {
    loss: op.Div(total(inputs, term, rank), whole),
    metrics: { accuracy: labelAccuracy(inputs, terms, positions) },
    examples: to.cast(weight, "float"),
    ...startOf(inputs, terms, whole),
  };
}

/** The gradient by the scores: (1 − ε) w (p − 1 at the label) + ε / C (p Σ w − w). */
function startOf(inputs: Inputs, terms: LabelTerms, whole: string): { start?: GradientStart } {
  const { op, to, number, output, axis, options } = inputs;
  const { labelSmoothing: share } = options;
  const classWeights = countedWeights(options.classWeights);
  const { softmax, counts, weights } = terms;
  if (!softmax) return {};
  const classes = Number(output.shape[axis]);
  const placed = (x: string) => to.unsqueeze(op.Div(x, whole), [axis]);
  if (share === 0) {
    const own = placed(weights);
    return { start: softmaxGradient({ ...softmax, factor: own, atLabel: own, spread: null }) };
  }
  const scaled = (x: string, factor: number) => op.Mul(x, number(factor));
  const atLabel = placed(scaled(weights, 1 - share));
  const even = placed(scaled(counts, share / classes));
  const sum = classWeights ? classWeights.reduce((a, b) => a + b, 0) : classes;
  const factor = op.Add(atLabel, scaled(even, sum));
  const spread = classWeights ? op.Mul(even, perClass(inputs, classWeights)) : even;
  return { start: softmaxGradient({ ...softmax, factor, atLabel, spread }) };
}

function ofShares(inputs: Inputs): LossOutputs {
  const { op, number, output, axis, options } = inputs;
  const { labelSmoothing: share } = options;
  const classWeights = countedWeights(options.classWeights);
  const classes = Number(output.shape[axis]);
  return meanOfShares(inputs, ({ scores, shares, rank }) => {
    const q =
      share === 0 ? shares : op.Add(op.Mul(shares, number(1 - share)), number(share / classes));
    if (classWeights) checkPerClass("--class-weights", classWeights, inputs);
    const weighted = weightedShares(inputs, q, classWeights);
    return crossed(inputs, weighted, logProbabilities(inputs, scores, rank), rank);
  });
}

/**
 * −Σ w q ln softmax(z): PyTorch's cross_entropy. q is one-hot for a label, or a soft target of the
 * output's shape; w are the class weights. The mean is over all positions, of labels weighted by w.
 * Labels equal to `ignoreIndex` do not count. For probabilities p, it is −Σ w q ln p.
 */
export const crossEntropy = lossFunction({
  ...ofClasses,
  name: "cross-entropy",
  about: "softmax cross-entropy of integer labels or soft targets",
  options,
  write: (inputs) => (inputs.target.form === "labels" ? ofLabels(inputs) : ofShares(inputs)),
});
