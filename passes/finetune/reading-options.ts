import type { ValuesOf } from "../../src/option-values.ts";
import { type Given, type Options, positiveInteger } from "../../src/options.ts";
import { pixelOptions } from "./pixels.ts";
import type { ColumnsOf } from "./table-columns.ts";

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

/** How folders of images and tables become arrays. */
export interface FolderOptions
  extends Given<ValuesOf<Pick<typeof reading, "resize" | "imageSize">>> {
  /** Columns of a table that arrays take, by their names. */
  readonly columns?: ColumnsOf | undefined;
  /** Names of the classes in the order of their labels, by target; by default those of the data. */
  readonly classNames?: Readonly<Record<string, readonly string[]>> | undefined;
}
