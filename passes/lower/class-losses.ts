import { range } from "../../src/onnx/dtypes.ts";
import type { Composite, LoweringRule } from "./composite.ts";

/** Writes −w ln p of the labels, reduced as the node says; ln p is [N, C, …]. */
function ofLabels(call: Composite, logP: string): string {
  const { op, to, constant, input, inputs, int, text, shape, dtype } = call;
  const positions = range(shape(0).length - 1);
  const given = to.cast(input(1), "int64", dtype(1));
  const ignored = int("ignore_index", Number.NaN);
  const counting = Number.isNaN(ignored)
    ? null
    : op.Not(op.Equal(given, constant("int64", [], [ignored])));
  const labels = counting === null ? given : op.Mul(given, to.cast(counting, "int64"));
  const picked = op.GatherElements(logP, to.unsqueeze(labels, [1]), { axis: 1 });
  const losses = op.Neg(to.squeeze(picked, [1]));
  const counts = counting && to.cast(counting, dtype(0));
  const own = inputs[2] == null ? null : op.Gather(inputs[2], labels, { axis: 0 });
  const weight = own && counts ? op.Mul(own, counts) : (own ?? counts);
  const weighted = weight === null ? losses : op.Mul(losses, weight);
  const reduction = text("reduction", "mean");
  if (reduction === "none") return weighted;
  const sum = (x: string) => to.reduce("ReduceSum", x, positions, false);
  if (reduction === "sum") return sum(weighted);
  if (weight === null) return to.reduce("ReduceMean", losses, positions, false);
  return op.Div(sum(weighted), sum(weight));
}

/** The loss, and ln p if requested. */
export const SoftmaxCrossEntropyLoss: LoweringRule = (call) => {
  const { op, to, input } = call;
  const logP = op.Sub(input(0), to.reduce("ReduceLogSumExp", input(0), [1]));
  return [ofLabels(call, logP), logP];
};

export const NegativeLogLikelihoodLoss: LoweringRule = (call) => [ofLabels(call, call.input(0))];
