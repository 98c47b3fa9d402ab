import { type Options, positiveInteger } from "../../src/options.ts";
import { pixelOptions } from "./pixels.ts";

/** How the data is read, as the API offers it. */
export const reading = {
  batchAxis: {
    type: "object",
    describe:
      "batch axis of an array, h0=1, if the model does not show it; timestep=none if all examples share one value",
  },
  ...pixelOptions,
  columns: {
    type: "object",
    describe:
      "columns of a .csv or .jsonl for an input, x=age,height  [default: the column with its name, or all remaining columns]",
  },
  resize: {
    ...positiveInteger,
    describe:
      "shorter side of an image before the center crop  [default: 256/224 of the model's size]",
  },
  imageSize: {
    ...positiveInteger,
    describe: "side of the images in a folder if the model takes any size  [default: 224]",
  },
} as const satisfies Options;
