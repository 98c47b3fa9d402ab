import type { linearMaps } from "../../passes/gradient/linear-maps.ts";
import type { regions } from "../../passes/gradient/regions.ts";
import { at, positive, type Sample, type Samples, single, unary } from "./sample.ts";

const ints = (name: string, ...values: number[]) => `int64[${values.length}] ${name} = {${values}}`;
const columns = (form: string, x: number[], image: number[], block: number[]): Sample =>
  single(
    unary(`y = Col2Im ${form} (x, image, block)`, x, {
      given: `${ints("image", ...image)}, ${ints("block", ...block)}`,
    }),
  );
const transform = (form: string, x: number[], opset = 20, given?: Record<string, number>): Sample =>
  single(
    unary(`y = DFT <${form}> (${["x", ...Object.keys(given ?? {})]})`, x, {
      opset,
      given: Object.entries(given ?? {})
        .map(([name, value]) => `int64 ${name} = {${value}}`)
        .join(", "),
    }),
  );
const aligned = (form: string, opset = 16): Sample =>
  single(
    unary(`y = RoiAlign <output_height = 2, output_width = 3, ${form}> (x, r, b)`, [2, 2, 6, 7], {
      given: `float[3, 4] r = {0.3, 0.7, 5.1, 4.4, -1.7, 2.2, 3.3, 9.1, 2.0, 1.0, 2.6, 1.3}, ${ints("b", 1, 0, 1)}`,
      opset,
    }),
  );

/** Samples of operators that are linear in what they read. */
export const linearSamples: Samples<typeof linearMaps & typeof regions> = {
  AffineGrid: [
    single(unary("y = AffineGrid(x, s)", [2, 2, 3], { opset: 20, given: ints("s", 2, 3, 4, 5) })),
    single(
      unary("y = AffineGrid <align_corners = 1> (x, s)", [1, 3, 4], {
        opset: 20,
        given: ints("s", 1, 3, 2, 4, 5),
      }),
    ),
  ],
  Col2Im: [
    columns("", [2, 12, 4], [4, 5], [3, 4]),
    columns(
      "<strides = [2, 2], pads = [1, 0, 1, 1], dilations = [1, 2]>",
      [1, 8, 9],
      [4, 6],
      [2, 2],
    ),
    columns("", [1, 6, 4], [6], [3]),
  ],
  DFT: [
    transform("axis = 1", [2, 8, 1], 17),
    transform("axis = 1, onesided = 1", [2, 7, 1], 18),
    transform("axis = -2", [2, 5, 6, 2], 19),
    transform("axis = 1, inverse = 1", [2, 5, 3, 2], 19),
    transform("axis = 1", [2, 5, 3, 2], 19, { n: 8 }),
    transform("onesided = 1", [2, 9, 1], 20, { n: 6 }),
    transform("onesided = 1", [2, 9, 3, 1], 20, { n: 12, axis: 1 }),
    transform("inverse = 1", [9, 3, 1], 20, { n: 7, axis: 0 }),
    transform("inverse = 1, onesided = 1", [2, 5, 2]),
    transform("inverse = 1, onesided = 1", [5, 3, 2], 20, { n: 9, axis: -3 }),
  ],
  RoiAlign: [
    aligned("sampling_ratio = 2"),
    aligned("sampling_ratio = 2", 10),
    // The regions count as constant.
    single({
      text: "y = RoiAlign <sampling_ratio = 2> (x, r, b)",
      inputs: { x: [1, 1, 4, 5], r: positive(1, 4) },
      given: ints("b", 0),
      absent: ["r"],
    }),
    aligned("sampling_ratio = 0"),
    aligned("sampling_ratio = 3, spatial_scale = 0.5"),
    aligned(`coordinate_transformation_mode = "output_half_pixel", spatial_scale = 0.7`),
    aligned(`mode = "max", sampling_ratio = 2`),
    aligned(`mode = "max", sampling_ratio = 1, spatial_scale = 0.5`, 10),
  ],
  STFT: [
    single({
      text: "y = STFT(x, step, w)",
      inputs: { x: [2, 17, 1], w: positive(6) },
      given: "int64 step = {3}",
    }),
    single({
      text: "y = STFT <onesided = 0> (x, step, w, n)",
      inputs: { x: [1, 17, 1], w: positive(6) },
      given: "int64 step = {4}, int64 n = {6}",
    }),
    ...at(
      [17, 20],
      single(
        unary(`y = STFT(x, step, "", n)`, [1, 16, 1], { given: "int64 step = {2}, int64 n = {7}" }),
      ),
    ),
  ],
};
