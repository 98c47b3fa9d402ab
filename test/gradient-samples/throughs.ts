import type { throughs } from "../../passes/gradient/pass-through.ts";
import { at, type Sample, type Samples, single, unary, within } from "./sample.ts";

/** Rounding that is gone straight through: the differences are those of what it stands for. */
const quantized = (between: string, from = "q", plain = "", to = "x"): Sample =>
  single({
    text: `q = QuantizeLinear(x, s, n) ${between} d = DequantizeLinear(${from}, s, n) y = Mul(d, w)`,
    standsFor: `${plain} y = Mul(${to}, w)`,
    inputs: { x: [3, 3] },
    given: "float s = {0.05}, int8 n = {3}, float[3] w = {1.0, -2.0, 0.5}",
  });

/** Samples of operators that a cotangent goes through. */
export const throughSamples: Samples<typeof throughs> = {
  Bernoulli: [single(unary("y = Bernoulli(x)", within(0.2, 0.8, 3), { opset: 15, absent: ["x"] }))],
  Cast: [
    ...at(
      [7, 13],
      single(unary("z = Cast <to = 11> (x) w = Mul(z, z) y = Cast <to = 1> (w)", [3])),
    ),
    unary("z = Cast <to = 7> (x) y = Cast <to = 11> (z)", [3], { absent: ["x"] }),
  ],
  CastLike: [
    unary("z = CastLike(x, t) y = Mul(z, z)", [3], { given: "double t = {1.0}", opset: 15 }),
  ],
  DequantizeLinear: [quantized(""), quantized("r = Transpose(q)", "r", "z = Transpose(x)", "z")],
  Dropout: [
    ...at([7, 10, 12], single(unary("y = Dropout(x)", [3, 4]))),
    single(unary("y, m = Dropout(x, r, t)", [3, 4], { given: "float r = {0.5}, bool t = {0}" })),
  ],
  EyeLike: [unary("e = EyeLike(x) y = Mul(x, e)", [3, 4])],
  QuantizeLinear: [
    ...at([10, 13, 21], quantized("")),
    single({
      text: "q = QuantizeLinear(x, s, n) y = DequantizeLinear(q, s, n)",
      standsFor: "y = Clip(x, low, high)",
      inputs: { x: [3, 4] },
      given: "float s = {0.008}, uint8 n = {128}, float low = {-1.028}, float high = {1.02}",
    }),
    single({
      text: "q = QuantizeLinear <axis = 1> (x, s, n) y = DequantizeLinear <axis = 1> (q, s, n)",
      standsFor: "l = Max(x, low) y = Min(l, high)",
      inputs: { x: [2, 2, 3] },
      given:
        "float[2] s = {0.008, 0.1}, int8[2] n = {-128, 0}, float[2, 1] low = {-0.004, -12.85}, float[2, 1] high = {2.044, 12.75}",
    }),
  ],
  RandomNormalLike: [unary("y = RandomNormalLike(x)", [3], { absent: ["x"] })],
  RandomUniformLike: [unary("y = RandomUniformLike(x)", [3], { absent: ["x"] })],
};
