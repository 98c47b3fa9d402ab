import type { places } from "../../passes/gradient/indexing.ts";
import { at, type Sample, type Samples, single, unary } from "./sample.ts";

const OPSETS = [11, 15, 16, 18];
/** Reductions of scatters but for the sum, and updates among which one and two of a place are 0. */
const reduced = ["mul", "max", "min"];
const zeros = "double[3, 2] m = {0.0, 1.0, 1.0, 0.0, 1.0, 0.0}";

/** Samples of operators that read and write places. */
export const placeSamples: Samples<typeof places> = {
  Gather: [
    ...at(
      [7, 9, ...OPSETS],
      unary("y = Gather(x, i)", [4, 3], { given: "int64[2, 3] i = {0, 3, 1, 1, 0, 0}" }),
    ),
    ...at(
      OPSETS,
      unary("y = Gather <axis = 1> (x, i)", [2, 4, 3], { given: "int64[3] i = {3, -1, 0}" }),
    ),
    ...at(OPSETS, unary("y = Gather <axis = -1> (x, i)", [2, 4], { given: "int64 i = {-2}" })),
    unary("y = Gather <axis = 0> (x, i)", [4, 2], { given: "int32[2] i = {1, 1}" }),
  ],
  GatherElements: [
    ...at(
      OPSETS,
      unary("y = GatherElements <axis = 1> (x, i)", [2, 4], {
        given: "int64[2, 3] i = {3, 3, 0, -1, 1, 2}",
      }),
    ),
    ...at(
      OPSETS,
      unary("y = GatherElements <axis = -2> (x, i)", [3, 4], {
        given: "int64[2, 2] i = {0, 2, 0, 1}",
      }),
    ),
  ],
  GatherND: [
    ...at(
      OPSETS,
      unary("y = GatherND(x, i)", [3, 4, 2], { given: "int64[3, 2] i = {0, 1, 2, -1, 0, 1}" }),
    ),
    ...at(
      [12, 16, 18],
      unary("y = GatherND <batch_dims = 1> (x, i)", [2, 3, 4], {
        given: "int64[2, 2, 1] i = {0, 2, 1, 1}",
      }),
    ),
    ...at(
      [12, 18],
      unary("y = GatherND <batch_dims = 1> (x, i)", [2, 3, 4], {
        given: "int64[2, 2] i = {0, 3, 2, -1}",
      }),
    ),
    unary("y = GatherND(x, i)", [3, 2], { given: "int64[2, 1] i = {1, 1}" }),
  ],
  ReverseSequence: [
    unary("y = ReverseSequence <batch_axis = 1, time_axis = 0> (x, n)", [4, 2, 3], {
      given: "int64[2] n = {3, 2}",
    }),
    unary("y = ReverseSequence <batch_axis = 0, time_axis = 1> (x, n)", [2, 4], {
      given: "int64[2] n = {4, 3}",
    }),
  ],
  Scatter: at([9, 10], {
    text: "y = Scatter <axis = 1> (x, i, u)",
    inputs: { x: [3, 4], u: [2, 2] },
    given: "int64[2, 2] i = {3, 0, 2, 1}",
  }).map(single),
  ScatterElements: [
    ...at(OPSETS, {
      text: "y = ScatterElements <axis = 1> (x, i, u)",
      inputs: { x: [2, 4], u: [2, 2] },
      given: "int64[2, 2] i = {3, 0, -2, 1}",
    }),
    {
      text: `y = ScatterElements <axis = 0, reduction = "add"> (x, i, u)`,
      inputs: { x: [3, 2], u: [2, 2] },
      given: "int64[2, 2] i = {0, 2, 0, 1}",
    },
    ...reduced.map(
      (reduction): Sample => ({
        text: `z = Mul(u, m) y = ScatterElements <axis = 0, reduction = "${reduction}"> (x, i, z)`,
        inputs: { x: [3, 2], u: [3, 2] },
        given: `int64[3, 2] i = {0, 0, 0, 1, 2, 1}, ${zeros}`,
      }),
    ),
  ],
  ScatterND: [
    ...at(OPSETS, {
      text: "y = ScatterND(x, i, u)",
      inputs: { x: [4, 3], u: [2, 3] },
      given: "int64[2, 1] i = {3, 0}",
    }),
    {
      text: `y = ScatterND <reduction = "add"> (x, i, u)`,
      inputs: { x: [4, 3], u: [2] },
      given: "int64[2, 2] i = {1, 2, 1, 2}",
    },
    ...reduced.map(
      (reduction): Sample => ({
        text: `z = Mul(u, m) y = ScatterND <reduction = "${reduction}"> (x, i, z)`,
        inputs: { x: [4, 2], u: [3, 2] },
        given: `int64[3, 1] i = {3, 0, 3}, ${zeros}`,
      }),
    ),
  ],
  TopK: [
    ...at([11, 24], unary("y, i = TopK <axis = 1> (x, k)", [2, 5], { given: "int64[1] k = {3}" })),
    unary("y, i = TopK <axis = -2, largest = 0> (x, k)", [4, 3], { given: "int64[1] k = {2}" }),
    unary("y, i = TopK(x, k)", [2, 5], { given: "int64[1] k = {2}", opset: 10 }),
    ...at([7, 9], single(unary("y, i = TopK <k = 2> (x)", [2, 5]))),
  ],
};
