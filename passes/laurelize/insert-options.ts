import type { Options } from "../../src/options.ts";
import { DEFAULT_VARIANT, variantNames, variantOptions } from "../variants/index.ts";

/** Declarations of the options for what is inserted. */
export const inserting = {
  variant: {
    alias: "v",
    type: "string",
    choices: variantNames,
    default: DEFAULT_VARIANT,
    describe: "LAuReL variant to insert",
  },
  ...variantOptions,
} as const satisfies Options;

/** Declarations of the options for which sites are chosen. */
export const choosing = {
  include: {
    type: "string",
    array: true,
    describe: "use only sites whose names match this glob",
  },
  exclude: {
    type: "string",
    array: true,
    describe: "exclude sites whose names match this glob",
  },
  stream: { type: "number", array: true, describe: "use only sites of these streams" },
  every: { type: "number", describe: "use only every n-th site" },
  last: { type: "number", describe: "use only the last n sites" },
} as const satisfies Options;
