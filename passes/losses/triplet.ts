import { showShape } from "../../src/onnx/dtypes.ts";
import type { Options } from "../../src/options.ts";
import { fits } from "./class-target.ts";
import {
  asOutput,
  holdsLabels,
  positiveOutput,
  rowLabelsMisfit,
  rowPairs,
  weightedMean,
} from "./embeddings.ts";
import { type LossInputs, type LossOutputs, lossFunction, mean } from "./loss.ts";

const options = {
  positive: positiveOutput,
  negative: {
    type: "string",
    nullable: true,
    describe: "name of the output with the negative example of each row",
  },
  margin: {
    type: "number",
    default: 1,
    range: { min: 0 },
    describe: "how much further away a negative example must be than a positive one",
  },
  mining: {
    choices: ["hard", "all"],
    default: "hard",
    describe:
      "triplets of a batch with labels: the furthest positive and the nearest negative of each row (hard), or all",
  },
} as const satisfies Options;

type Inputs = LossInputs<typeof options>;

/** PyTorch adds this to every difference. */
const EPSILON = 1e-6;
const FAR = 1e9;

/** Writes |x|, with a finite slope at 0. */
function lengthOf({ op, to, output }: Inputs, x: string): string {
  const squares = to.reduce("ReduceSum", op.Mul(x, x), [1], false);
  return op.Sqrt(to.atLeast(squares, EPSILON ** 2, output.dtype));
}

/** The hinge on how much further the positive is than the negative, and how often it is nearer. */
function hinged({ op, to, number, output, options }: Inputs, near: string, far: string) {
  const margin = number(options.margin);
  const right = to.cast(op.Less(near, far), output.dtype);
  return { losses: op.Relu(op.Add(op.Sub(near, far), margin)), right };
}

/** A positive and a negative for each row. */
function ofVectors(inputs: Inputs, same: string, different: string): LossOutputs {
  const { op, constant, number, output } = inputs;
  const epsilon = number(EPSILON);
  const apart = (other: string) => lengthOf(inputs, op.Add(op.Sub(output.name, other), epsilon));
  const { losses, right } = hinged(inputs, apart(same), apart(different));
  return {
    loss: mean(inputs, losses, 1),
    metrics: { accuracy: mean(inputs, right, 1) },
    examples: op.Identity(constant("float", [], [Number(output.shape[0])])),
  };
}

function distances({ op, to, number, output }: Inputs): string {
  const y = output.name;
  const squares = to.reduce("ReduceSum", op.Mul(y, y), [1]);
  const sums = op.Add(squares, op.Transpose(squares, { perm: [1, 0] }));
  const products = op.MatMul(y, op.Transpose(y, { perm: [1, 0] }));
  const squared = op.Sub(sums, op.Mul(products, number(2)));
  return op.Sqrt(to.atLeast(squared, EPSILON ** 2, output.dtype));
}

/** Triplets within the batch, by the labels of its rows. */
function ofLabels(inputs: Inputs): LossOutputs {
  const { op, to, number, options } = inputs;
  const { same, different } = rowPairs(inputs);
  const apart = distances(inputs);
  if (options.mining === "all") {
    const [near, far] = [to.unsqueeze(apart, [2]), to.unsqueeze(apart, [1])];
    const { losses, right } = hinged(inputs, near, far);
    const counts = op.Mul(to.unsqueeze(same, [2]), to.unsqueeze(different, [1]));
    const { mean: loss, count: examples } = weightedMean(inputs, losses, counts, 3);
    return { loss, metrics: { accuracy: weightedMean(inputs, right, counts, 3).mean }, examples };
  }
  const one = number(1);
  const far = number(FAR);
  const furthest = to.reduce("ReduceMax", op.Mul(apart, same), [1], false);
  const elsewhere = op.Add(apart, op.Mul(op.Sub(one, different), far));
  const nearest = to.reduce("ReduceMin", elsewhere, [1], false);
  const any = (x: string) => to.reduce("ReduceMax", x, [1], false);
  const anchors = op.Mul(any(same), any(different));
  const { losses, right } = hinged(inputs, furthest, nearest);
  const { mean: loss, count: examples } = weightedMean(inputs, losses, anchors, 1);
  return { loss, metrics: { accuracy: weightedMean(inputs, right, anchors, 1).mean }, examples };
}

/**
 * The mean of max(|y − p| − |y − n| + margin, 0): PyTorch's triplet_margin_loss. p and n are outputs,
 * or the target's [rows, 2, features], or rows of the batch by their labels (Hermans et al. 2017).
 */
export const triplet = lossFunction({
  name: "triplet",
  about: "rows lie nearer to what they belong with, by a margin",
  options,
  comparesRows: true,
  others: ["positive", "negative"],
  targetless: ({ positive, negative }) => positive !== null && negative !== null,
  fit(asked) {
    const { output, target, options } = asked;
    if ((options.positive === null) !== (options.negative === null))
      return "--positive and --negative belong together; give both";
    const why = rowLabelsMisfit(asked);
    if (why !== null) return why;
    const [rows, features] = output.shape!;
    const wrong = target !== null && !holdsLabels(target) && !fits([rows, 2, features], target);
    return wrong
      ? `its targets are a label for each row, or a positive and a negative ${showShape([rows, 2, features])}, and these are ${showShape(target.shape)}; name another array with --target`
      : { axis: null };
  },
  write(inputs) {
    const { to, others, target } = inputs;
    const { positive, negative } = others;
    if (positive && negative)
      return ofVectors(inputs, asOutput(inputs, positive), asOutput(inputs, negative));
    if (holdsLabels(target)) return ofLabels(inputs);
    const given = asOutput(inputs, target);
    const part = (k: number) => to.squeeze(to.slice(given, [k], [k + 1], [1]), [1]);
    return ofVectors(inputs, part(0), part(1));
  },
});
