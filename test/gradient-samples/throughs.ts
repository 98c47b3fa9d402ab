import type { throughs } from "../../passes/gradient/throughs.ts";
import { at, type Sample, type Samples, single, unary } from "./sample.ts";

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
  QuantizeLinear: at([10, 13, 21], quantized("")),
};
