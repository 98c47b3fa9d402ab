import { range, showShape } from "../../src/onnx/dtypes.ts";
import type { Options } from "../../src/options.ts";
import { fits } from "./class-target.ts";
import {
  asOutput,
  holdsLabels,
  positiveOutput,
  rowLabelsMisfit,
  rowPairs,
  unitVectors,
  weightedMean,
} from "./embeddings.ts";
import { type LossInputs, type LossOutputs, lossFunction, mean } from "./loss.ts";

const options = {
  positive: positiveOutput,
  temperature: {
    type: "number",
    default: 0.07,
    range: { above: 0 },
    describe: "number by which scores are divided before the softmax",
  },
  symmetric: {
    type: "boolean",
    default: false,
    describe: "compute the loss in both directions of a pair, as CLIP does",
  },
} as const satisfies Options;

type Inputs = LossInputs<typeof options>;

const FAR = 1e9;

/** Each row looks for its own pair among those of the batch. */
function ofPairs(inputs: Inputs, pairs: string): LossOutputs {
  const { op, to, constant, number, output, options } = inputs;
  const rows = Number(output.shape[0]);
  const scale = number(1 / options.temperature);
  const [a, b] = [unitVectors(inputs, output.name), unitVectors(inputs, pairs)];
  const scores = op.Mul(op.MatMul(a, op.Transpose(b, { perm: [1, 0] })), scale);
  const own = op.Mul(to.reduce("ReduceSum", op.Mul(a, b), [1], false), scale);
  const towards = (axis: number) =>
    op.Sub(to.reduce("ReduceLogSumExp", scores, [axis], false), own);
  const perRow = options.symmetric
    ? op.Mul(op.Add(towards(1), towards(0)), number(0.5))
    : towards(1);
  const numbers = constant("int64", [rows], range(rows));
  const right = to.cast(op.Equal(op.ArgMax(scores, { axis: 1, keepdims: 0 }), numbers), "float");
  return {
    loss: mean(inputs, perRow, 1),
    metrics: { accuracy: mean(inputs, right, 1) },
    examples: op.Identity(constant("float", [], [rows])),
  };
}

/** Each row looks for those of its label among all others: the supervised contrastive loss. */
function ofLabels(inputs: Inputs): LossOutputs {
  const { op, to, number, output, options } = inputs;
  const { self, same } = rowPairs(inputs);
  const a = unitVectors(inputs, output.name);
  const similar = op.MatMul(a, op.Transpose(a, { perm: [1, 0] }));
  const scores = op.Mul(similar, number(1 / options.temperature));
  const others = op.Sub(scores, op.Mul(self, number(FAR)));
  const surprise = op.Sub(to.reduce("ReduceLogSumExp", others, [1]), scores);
  const count = to.reduce("ReduceSum", same, [1], false);
  const sum = to.reduce("ReduceSum", op.Mul(surprise, same), [1], false);
  const perAnchor = op.Div(sum, to.atLeast(count, 1, output.dtype));
  const anchors = to.cast(op.Greater(count, number(0.5)), output.dtype);
  const { mean: loss, count: examples } = weightedMean(inputs, perAnchor, anchors, 1);
  return { loss, metrics: {}, examples };
}

/**
 * InfoNCE over a batch: the mean of −ln softmax(cos / τ) of each row's own pair among all pairs. With
 * labels, the supervised contrastive loss (Khosla et al. 2020): the mean over the rows of a label.
 */
export const infoNce = lossFunction({
  name: "info-nce",
  about: "each row finds its pair, or those of its label, among the rows of a batch",
  options,
  comparesRows: true,
  others: ["positive"],
  targetless: ({ positive }) => positive !== null,
  fit(asked) {
    const { output, target, options } = asked;
    const why = rowLabelsMisfit(asked);
    if (why !== null) return why;
    const pairs = options.positive === null && target !== null && !holdsLabels(target);
    return pairs && !fits(output.shape!, target)
      ? `its targets are a label for each row, or vectors of the output's shape ${showShape(output.shape)}, and these are ${showShape(target.shape)}; name another array with --target`
      : { axis: null };
  },
  write(inputs) {
    const { others, target } = inputs;
    if (others.positive) return ofPairs(inputs, asOutput(inputs, others.positive));
    return holdsLabels(target) ? ofLabels(inputs) : ofPairs(inputs, asOutput(inputs, target));
  },
});
