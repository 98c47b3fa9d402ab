import type { resamplings } from "../../passes/gradient/resize.ts";
import { type Sample, type Samples, single, unary } from "./sample.ts";

const floats = (...values: number[]) =>
  `float[${values.length}] s = {${values.map((v) => v.toFixed(3))}}`;
const byScales = (attributes: string, x: number[], scales: number[], opset = 13): Sample =>
  single(
    unary(
      opset < 11
        ? `y = Resize <${attributes}> (x, s)`
        : opset < 13
          ? `y = Resize <${attributes}> (x, roi, s)`
          : `y = Resize <${attributes}> (x, "", s)`,
      x,
      {
        given:
          opset < 13 && opset > 10 ? `float[0] roi = {}, ${floats(...scales)}` : floats(...scales),
        opset,
      },
    ),
  );
const bySizes = (attributes: string, x: number[], sizes: number[], opset = 13): Sample =>
  single(
    unary(
      opset < 13
        ? `y = Resize <${attributes}> (x, none, none, n)`
        : `y = Resize <${attributes}> (x, "", "", n)`,
      x,
      {
        given: `${opset < 13 ? "float[0] none = {}, " : ""}int64[${sizes.length}] n = {${sizes}}`,
        opset,
      },
    ),
  );
const cropped = (attributes: string, x: number[], region: number[], opset: number): Sample => {
  const [top, left, bottom, right] = region.map((part) => part.toFixed(3));
  return single(
    unary(`y = Resize <${attributes}> (x, roi, s)`, x, {
      given: `float[8] roi = {0.0, 0.0, ${top}, ${left}, 1.0, 1.0, ${bottom}, ${right}}, ${floats(1, 1, 2, 1)}`,
      opset,
    }),
  );
};
const mode = (mode: string, where: string, more = "") =>
  `mode = "${mode}", coordinate_transformation_mode = "${where}"${more}`;

/** Samples of resampling. */
export const resizeSamples: Samples<typeof resamplings> = {
  Resize: [
    byScales(`mode = "nearest"`, [1, 2, 3, 4], [1, 1, 2, 2], 10),
    byScales(`mode = "linear"`, [1, 2, 3, 4], [1, 1, 2, 2], 10),
    ...[11, 13, 18, 19].flatMap((opset) => [
      byScales(mode("nearest", "half_pixel"), [1, 2, 3, 4], [1, 1, 2, 3], opset),
      byScales(mode("linear", "half_pixel"), [1, 2, 3, 4], [1, 1, 2, 1.5], opset),
    ]),
    byScales(mode("nearest", "asymmetric", `, nearest_mode = "floor"`), [1, 2, 3, 4], [1, 1, 2, 2]),
    byScales(
      mode("nearest", "asymmetric", `, nearest_mode = "ceil"`),
      [1, 2, 5, 4],
      [1, 1, 0.6, 2],
    ),
    byScales(mode("linear", "pytorch_half_pixel"), [1, 2, 3, 4], [1, 1, 2, 2]),
    byScales(mode("linear", "align_corners"), [1, 2, 3, 4], [1, 1, 2, 2]),
    byScales(mode("linear", "asymmetric"), [1, 2, 3, 4], [1, 1, 0.67, 0.5]),
    byScales(mode("cubic", "half_pixel", ", cubic_coeff_a = -0.5"), [1, 1, 4, 5], [1, 1, 2, 1.6]),
    bySizes(mode("linear", "half_pixel"), [1, 2, 3, 4], [1, 2, 7, 3]),
    bySizes(mode("nearest", "half_pixel"), [1, 2, 3, 4], [1, 2, 7, 3], 11),
    bySizes(mode("linear", "align_corners"), [1, 2, 3, 4], [1, 2, 5, 9], 11),
    bySizes(mode("nearest", "half_pixel"), [2, 3, 4], [2, 3, 9]),
    bySizes(mode("linear", "half_pixel", ", axes = [2, 3]"), [1, 2, 3, 4], [5, 6], 18),
    ...["nearest", "linear"].map((kind) =>
      byScales(mode(kind, "half_pixel"), [1, 2, 5, 4], [1, 1, 0.6, 1.2]),
    ),
    byScales(mode("linear", "half_pixel"), [1, 2, 5, 4], [1, 1, 1.1, 1.2]),
    ...["not_larger", "not_smaller"].flatMap((policy) =>
      ["nearest", "linear"].map((kind) =>
        bySizes(
          mode(kind, "half_pixel", `, axes = [2, 3], keep_aspect_ratio_policy = "${policy}"`),
          [1, 2, 4, 6],
          [7, 9],
          18,
        ),
      ),
    ),
    ...[11, 18].flatMap((opset) =>
      ["nearest", "linear", "cubic"].map((kind) =>
        cropped(mode(kind, "tf_crop_and_resize"), [1, 2, 4, 5], [0.1, 0.2, 0.8, 1.1], opset),
      ),
    ),
    bySizes(mode("linear", "half_pixel", ", antialias = 1"), [1, 2, 6, 8], [1, 2, 3, 3], 18),
  ],
  Upsample: [
    single(
      unary(`y = Upsample <mode = "nearest", scales = [1.0, 1.0, 2.0, 3.0]> (x)`, [1, 2, 3, 4], {
        opset: 7,
      }),
    ),
    single(
      unary(`y = Upsample <mode = "linear", scales = [1.0, 1.0, 2.0, 2.0]> (x)`, [1, 2, 3, 4], {
        opset: 7,
      }),
    ),
    single(
      unary(`y = Upsample <mode = "linear"> (x, s)`, [1, 2, 3, 4], {
        opset: 9,
        given: floats(1, 1, 2, 2),
      }),
    ),
  ],
};
