import type { throughs } from "../../passes/gradient/pass-through.ts";
import { at, type Samples, single, unary, within } from "./sample.ts";

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
    unary("z = CastLike(t, x) y = Mul(x, z)", [3], { given: "double t = {1.5}", opset: 15 }),
  ],
  Dropout: [
    ...at([7, 10, 12], single(unary("y = Dropout(x)", [3, 4]))),
    single(unary("y, m = Dropout(x, r, t)", [3, 4], { given: "float r = {0.5}, bool t = {0}" })),
  ],
  EyeLike: [unary("e = EyeLike(x) y = Mul(x, e)", [3, 4])],
  RandomNormalLike: [unary("y = RandomNormalLike(x)", [3], { absent: ["x"] })],
  RandomUniformLike: [unary("y = RandomUniformLike(x)", [3], { absent: ["x"] })],
};
