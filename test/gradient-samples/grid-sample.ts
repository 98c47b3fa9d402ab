import type { samplings } from "../../passes/gradient/grid-sample.ts";
import { isNightly } from "../support/sweep.ts";
import { type Sample, type Samples, single, within } from "./sample.ts";

/** Positions inside and beyond both ends of the image. */
const RANGE = [-1.7, 1.6] as const;

/** GridSample of [2, 2, …] at positions of another count. */
const sampled = (
  mode: string,
  padding: string,
  aligned: number,
  dims: number,
  opset: number,
): Sample => {
  const size = [3, 2, 4].slice(-dims);
  const places = [2, 3, 2].slice(-dims);
  return {
    text: `y = GridSample <mode = "${mode}", padding_mode = "${padding}", align_corners = ${aligned}> (x, grid)`,
    inputs: { x: [2, 2, ...size], grid: within(...RANGE, 2, ...places, dims) },
    opset,
  };
};

const PADDINGS = ["zeros", "border", "reflection"];
const EACH = PADDINGS.flatMap((padding) => [0, 1].map((aligned) => [padding, aligned] as const));

/** In two dimensions every mode, in three dimensions those that onnxruntime has. */
const everyForm = [20, 22].flatMap((opset) =>
  EACH.flatMap(([padding, aligned]) => [
    ...["linear", "nearest", "cubic"].map((mode) => sampled(mode, padding, aligned, 2, opset)),
    ...["linear", "nearest"].map((mode) => sampled(mode, padding, aligned, 3, opset)),
  ]),
);

/** Those of `npm test`; grid-sample.test.ts has every form beside another framework. */
const some = [
  sampled("linear", "zeros", 0, 2, 20),
  sampled("linear", "reflection", 1, 3, 22),
  sampled("cubic", "border", 0, 2, 22),
  sampled("nearest", "reflection", 0, 2, 20),
];

export const gridSamples: Samples<typeof samplings> = {
  GridSample: [
    ...(isNightly ? everyForm : some),
    single(sampled("bilinear", "zeros", 1, 2, 16)),
    single(sampled("bicubic", "reflection", 0, 2, 16)),
  ],
};
