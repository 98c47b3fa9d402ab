import type { reductions } from "../../passes/gradient/reductions.ts";
import { at, positive, type Sample, type Samples, type Spec, single, unary } from "./sample.ts";

/** A reduction in the forms of the opsets, `input` that in which its axes are an input. */
function reduction(op: string, input: number, x: Spec = [2, 3, 4]): Sample[] {
  const attribute = input === 13 ? 11 : 17;
  return [
    unary(`y = ${op}(x)`, x, { opset: input }),
    unary(`y = ${op} <keepdims = 0> (x)`, x, { opset: input }),
    unary(`y = ${op} <axes = [1], keepdims = 0> (x)`, x, { opset: 7 }),
    unary(`y = ${op} <axes = [-1, 0]> (x)`, x, { opset: attribute }),
    unary(`y = ${op} <keepdims = 0> (x, axes)`, x, {
      opset: input,
      given: "int64[2] axes = {2, 0}",
    }),
    unary(`y = ${op}(x, axes)`, x, { opset: input, given: "int64[1] axes = {-2}" }),
    unary(`y = ${op} <noop_with_empty_axes = 1> (x)`, x, { opset: input }),
  ];
}
const SUM = 13;
const OTHER = 18;

/** Samples of reductions and what is made of them. */
export const reductionSamples: Samples<typeof reductions> = {
  CumProd: [
    ...["", "<exclusive = 1>", "<reverse = 1>", "<exclusive = 1, reverse = 1>"].map((attributes) =>
      unary(`y = CumProd ${attributes} (x, k)`, [2, 3, 2], { given: "int32 k = {-2}", opset: 26 }),
    ),
    // Some elements are 0.
    unary("z = Mul(x, some) y = CumProd(z, k)", [4], {
      given: "double[4] some = {1, 0, 1, 0}, int64 k = {0}",
      opset: 26,
    }),
  ],
  CumSum: ["", "<exclusive = 1>", "<reverse = 1>", "<exclusive = 1, reverse = 1>"].flatMap((form) =>
    at([11, 14], unary(`y = CumSum ${form} (x, axis)`, [2, 3, 4], { given: "int64 axis = {-2}" })),
  ),
  LogSoftmax: [
    ...at([7, 12, 13], unary("y = LogSoftmax(x)", [2, 3, 4])),
    ...at([11, 13], unary("y = LogSoftmax <axis = -1> (x)", [2, 3, 4])),
    ...at([7, 13], unary("y = LogSoftmax <axis = 2> (x)", [2, 3, 2, 2])),
  ],
  ReduceL1: reduction("ReduceL1", OTHER),
  ReduceL2: reduction("ReduceL2", OTHER),
  ReduceLogSum: reduction("ReduceLogSum", OTHER, positive(2, 3, 4)),
  ReduceLogSumExp: reduction("ReduceLogSumExp", OTHER),
  ReduceMax: reduction("ReduceMax", OTHER),
  ReduceMean: reduction("ReduceMean", OTHER),
  ReduceMin: reduction("ReduceMin", OTHER),
  ReduceProd: [
    ...reduction("ReduceProd", OTHER, positive(2, 3, 4)),
    unary("z = Mul(x, m) y = ReduceProd <axes = [1]> (z)", [3, 3], {
      given: "double[3, 3] m = {1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0}",
      opset: 13,
    }),
  ]
    .map(single)
    .map((sample) => ({
      ...sample,
      ...(sample.given ? { given: sample.given.replace("double", "float") } : {}),
    })),
  ReduceSum: reduction("ReduceSum", SUM),
  ReduceSumSquare: reduction("ReduceSumSquare", OTHER),
  Softmax: [
    ...at([7, 12, 13], unary("y = Softmax(x)", [2, 3, 4])),
    ...at([11, 13], unary("y = Softmax <axis = -1> (x)", [2, 3, 4])),
    ...at([7, 13], unary("y = Softmax <axis = 2> (x)", [2, 3, 2, 2])),
    ...at([7, 13], unary("y = Softmax <axis = 0> (x)", [2, 3])),
  ],
};
