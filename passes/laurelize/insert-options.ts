import { type Options, positiveInteger } from "../../src/options.ts";
import { DEFAULT_VARIANT, variantNames, variantOptions } from "../variants/index.ts";

/** Declarations of the options for what is inserted. */
export const inserting = {
  variant: {
    alias: "v",
    type: "string",
    choices: variantNames,
    default: DEFAULT_VARIANT,
    describe:
      "LAuReL variant to insert: rw weights branch and skip, lr adds a low-rank map, pa adds earlier skips",
  },
  ...variantOptions,
} as const satisfies Options;

/** Declarations of the options for which sites are chosen. */
export const choosing = {
  include: {
    type: "string",
    array: true,
    describe: "use only sites whose names match this glob ('*layer3*')",
  },
  exclude: {
    type: "string",
    array: true,
    describe: "leave out sites whose names match this glob",
  },
  stream: {
    type: "number",
    array: true,
    describe: "use only sites of these streams (0,2), by the numbers that inspect lists",
  },
  every: {
    ...positiveInteger,
    describe: "use only every n-th site, starting with the first",
  },
  last: {
    ...positiveInteger,
    describe: "use only the last n sites",
  },
} as const satisfies Options;
