import type { convolutions } from "../../passes/gradient/convolution.ts";
import { type Sample, type Samples, single } from "./sample.ts";

const conv = (attributes: string, x: number[], w: number[], opset = 11): Sample =>
  single({ text: `y = Conv <${attributes}> (x, w)`, inputs: { x, w }, opset });
const back = (attributes: string, x: number[], w: number[], opset = 11): Sample =>
  single({ text: `y = ConvTranspose <${attributes}> (x, w)`, inputs: { x, w }, opset });

/** Samples of convolutions. */
export const convolutionSamples: Samples<typeof convolutions> = {
  Conv: [
    conv("kernel_shape = [3, 3]", [2, 3, 6, 5], [4, 3, 3, 3]),
    conv("pads = [1, 1, 1, 1]", [2, 3, 6, 5], [4, 3, 3, 3]),
    conv("pads = [0, 1, 2, 1]", [1, 3, 6, 5], [4, 3, 3, 2]),
    conv("pads = [3, 3, 3, 3]", [1, 2, 4, 4], [2, 2, 3, 3]),
    conv("strides = [2, 2], pads = [1, 1, 1, 1]", [2, 3, 7, 6], [4, 3, 3, 3]),
    conv("strides = [2, 3]", [1, 2, 8, 9], [2, 2, 2, 2]),
    conv("strides = [3, 3]", [1, 2, 9, 9], [2, 2, 1, 1]),
    conv("strides = [2, 2]", [2, 2, 5, 6], [3, 2, 1, 1]),
    conv("strides = [2, 2]", [2, 2, 4, 6], [3, 2, 1, 1]),
    conv("dilations = [2, 2], pads = [2, 2, 2, 2]", [1, 2, 7, 7], [3, 2, 3, 3]),
    conv("dilations = [2, 1], strides = [1, 2], pads = [1, 0, 2, 1]", [1, 2, 7, 7], [3, 2, 3, 3]),
    conv("dilations = [2, 3], strides = [3, 2]", [1, 2, 11, 12], [2, 2, 2, 3]),
    conv("group = 2", [2, 4, 5, 5], [6, 2, 3, 3]),
    conv("group = 4, pads = [1, 1, 1, 1]", [2, 4, 5, 5], [4, 1, 3, 3]),
    conv("group = 4, pads = [1, 1, 1, 1], strides = [2, 2]", [2, 4, 5, 5], [8, 1, 3, 3]),
    conv("group = 4, pads = [1, 2, 2, 1], strides = [3, 1]", [2, 4, 7, 5], [8, 1, 3, 3]),
    conv("group = 2, pads = [1, 0, 1, 0], strides = [2, 1]", [1, 4, 6, 4], [4, 2, 5, 2]),
    conv("group = 2, strides = [2, 2]", [1, 2, 3, 68], [2, 1, 1, 2]),
    conv("group = 2, strides = [1, 2]", [1, 2, 2, 74], [2, 1, 1, 2]),
    conv("group = 1", [3, 4, 5, 5], [2, 4, 1, 1]),
    conv("group = 2", [1, 4, 3, 3], [4, 2, 1, 1]),
    conv(`auto_pad = "SAME_UPPER", strides = [2, 2]`, [1, 2, 5, 6], [2, 2, 3, 2]),
    conv(`auto_pad = "SAME_LOWER", strides = [2, 2]`, [1, 2, 6, 5], [2, 2, 3, 2]),
    conv(`auto_pad = "SAME_UPPER"`, [1, 2, 5, 6], [2, 2, 2, 4]),
    conv(`auto_pad = "VALID"`, [1, 2, 5, 6], [2, 2, 2, 4]),
    conv("pads = [1, 1]", [2, 3, 8], [4, 3, 3]),
    conv("strides = [2], group = 3", [2, 3, 8], [3, 1, 3], 7),
    conv("pads = [1, 0, 1, 1, 0, 1], strides = [2, 1, 1]", [1, 2, 4, 3, 4], [2, 2, 3, 2, 3]),
    conv("group = 2", [1, 2, 3, 3, 4], [2, 1, 2, 2, 2], 18),
    conv(
      "group = 2, strides = [2, 2, 3], pads = [0, 1, 0, 1, 0, 0]",
      [1, 2, 3, 3, 4],
      [2, 1, 2, 2, 2],
    ),
    single({
      text: "y = Conv <pads = [1, 1, 1, 1]> (x, w, b)",
      inputs: { x: [2, 3, 4, 4], w: [2, 3, 3, 3], b: [2] },
    }),
  ],
  ConvTranspose: [
    back("kernel_shape = [3, 3]", [2, 3, 4, 5], [3, 2, 3, 3]),
    back(
      "strides = [2, 2], pads = [1, 1, 1, 1], output_padding = [1, 1]",
      [2, 3, 4, 4],
      [3, 2, 3, 3],
    ),
    back("strides = [2, 3]", [1, 2, 3, 3], [2, 4, 2, 2]),
    back("dilations = [2, 1], pads = [1, 0, 1, 0]", [1, 2, 4, 4], [2, 3, 3, 2]),
    back("group = 2, strides = [2, 2]", [2, 4, 3, 3], [4, 3, 2, 2]),
    back("group = 2, pads = [1, 0, 1, 2], strides = [2, 1]", [1, 4, 3, 5], [4, 1, 3, 3]),
    back("strides = [2, 2], output_shape = [7, 8]", [1, 2, 4, 4], [2, 2, 3, 3]),
    back(
      "strides = [3, 2], output_shape = [8, 8], pads = [0, 0, 1, 1]",
      [2, 1, 3, 4],
      [1, 2, 2, 3],
    ),
    back(`strides = [2, 2], auto_pad = "SAME_UPPER"`, [1, 2, 4, 4], [2, 2, 3, 3]),
    back(`strides = [2, 2], auto_pad = "SAME_LOWER"`, [1, 2, 4, 4], [2, 2, 3, 3]),
    back("strides = [2]", [1, 2, 5], [2, 3, 3]),
    back("strides = [1, 2, 1]", [1, 2, 3, 2, 3], [2, 2, 2, 2, 2]),
    single({
      text: "y = ConvTranspose(x, w, b)",
      inputs: { x: [2, 3, 4, 4], w: [3, 2, 3, 3], b: [2] },
    }),
  ],
};
