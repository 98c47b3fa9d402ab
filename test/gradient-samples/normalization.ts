import type { normalizations } from "../../passes/gradient/normalization.ts";
import { at, positive, type Samples, single, unary } from "./sample.ts";

const three = { x: [2, 6, 3, 2], s: [6], b: [6] };

/** Samples of normalizations. */
export const normalizationSamples: Samples<typeof normalizations> = {
  BatchNormalization: [
    single({
      text: "y, m1, v1 = BatchNormalization <training_mode = 1, epsilon = 0.01> (x, s, b, m, v)",
      inputs: three,
      given: "float[6] m, float[6] v",
      opset: 15,
    }),
    single({
      text: "y, m1, v1 = BatchNormalization <training_mode = 1> (x, s, b, m, v)",
      inputs: { x: [5, 3], s: [3], b: [3] },
      given: "float[3] m, float[3] v",
    }),
    ...at([7, 9, 14, 15], {
      text: "y = BatchNormalization <epsilon = 0.01> (x, s, b, m, v)",
      inputs: { ...three, m: [6], v: positive(6) },
    }).map(single),
    single({
      text: "y = BatchNormalization(x, s, b, m, v)",
      inputs: { x: [4, 3], s: [3], b: [3], m: [3], v: positive(3) },
    }),
    {
      text: "y = BatchNormalization(x, s, b, m, v)",
      inputs: { x: [4, 3, 2], s: [3], b: [3], m: [3], v: positive(3) },
    },
    ...[[3], [3, 2], [3, 2, 2]].map((size) =>
      single({
        text: "y = BatchNormalization <spatial = 0> (x, s, b, m, v)",
        inputs: { x: [4, ...size], s: size, b: size, m: size, v: positive(...size) },
        opset: 8,
      }),
    ),
  ],
  GroupNormalization: [
    single({
      text: "y = GroupNormalization <num_groups = 3> (x, s, b)",
      inputs: { ...three, s: [3], b: [3] },
      opset: 18,
    }),
    single({
      text: "y = GroupNormalization <num_groups = 3, epsilon = 0.01> (x, s, b)",
      inputs: three,
      opset: 21,
    }),
    single({
      text: "y = GroupNormalization <num_groups = 2> (x, s, b)",
      inputs: { x: [2, 6, 4], s: [6], b: [6] },
      opset: 21,
    }),
  ],
  InstanceNormalization: [
    single({ text: "y = InstanceNormalization <epsilon = 0.01> (x, s, b)", inputs: three }),
    single({
      text: "y = InstanceNormalization(x, s, b)",
      inputs: { x: [2, 3, 5], s: [3], b: [3] },
      opset: 7,
    }),
  ],
  LayerNormalization: [
    single({ text: "y = LayerNormalization(x, s, b)", inputs: { x: [2, 3, 8], s: [8], b: [8] } }),
    single({
      text: "y = LayerNormalization <axis = 1, epsilon = 0.01> (x, s, b)",
      inputs: { x: [2, 3, 4], s: [3, 4], b: [3, 4] },
    }),
    single({
      text: "y = LayerNormalization <axis = -2> (x, s)",
      inputs: { x: [2, 3, 4], s: [3, 4] },
    }),
    single({ text: "y = LayerNormalization(x, s)", inputs: { x: [2, 4], s: [1] } }),
    { text: "y = LayerNormalization(x, s, b)", inputs: { x: [2, 3, 8], s: [8], b: [8] } },
    ...[["y", "m", "r"], ["m"], ["r"]].map((of) =>
      single({
        text: "y, m, r = LayerNormalization <axis = 1, epsilon = 0.01> (x, s)",
        inputs: { x: [2, 3, 4], s: [3, 4] },
        of,
        absent: of.length === 1 ? ["s"] : [],
      }),
    ),
  ],
  LpNormalization: [
    unary("y = LpNormalization(x)", [3, 4]),
    unary("y = LpNormalization <axis = 0, p = 1> (x)", [3, 4]),
    unary("y = LpNormalization <axis = 1> (x)", [2, 3, 4]),
  ],
  RMSNormalization: [
    single({ text: "y = RMSNormalization(x, s)", inputs: { x: [2, 3, 8], s: [8] }, opset: 23 }),
    single({
      text: "y = RMSNormalization <axis = 1, epsilon = 0.01> (x, s)",
      inputs: { x: [2, 3, 4], s: [3, 4] },
      opset: 23,
    }),
  ],
};
