import type { Options } from "../../src/options.ts";

/** Declaration of the option for the colors of a drawing. */
export const coloring = {
  theme: {
    type: "string",
    choices: ["auto", "light", "dark"],
    default: "auto",
    describe: "colors of the drawing; auto follows the reader's system",
  },
} as const satisfies Options;
