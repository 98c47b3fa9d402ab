import type { Options } from "../../src/options.ts";
import { pixelOptions } from "./pixels.ts";

/** How the data is read, as the API offers it. */
export const reading = {
  batchAxis: {
    type: "object",
    describe:
      "axis of the examples in an array, h0=1, if it cannot be told; timestep=none for one value for all examples",
  },
  ...pixelOptions,
  columns: {
    type: "object",
    describe:
      "columns of a .csv or .jsonl that an input takes, x=age,height  [default: its own, or all that are left]",
  },
  resize: {
    type: "number",
    range: { integer: true, min: 1 },
    describe:
      "shorter side of an image before its centre is cut out  [default: 256/224 of the model's size]",
  },
  imageSize: {
    type: "number",
    range: { integer: true, min: 1 },
    describe: "side of the images of a folder if the model takes any  [default: 224]",
  },
} as const satisfies Options;
