import { defaults, variantNames } from "../../passes/variants/index.ts";

/** What is inserted, and at which sites. */
export interface Inserting {
  variant: string;
  rank: number;
  normalize: "softmax" | "sigmoid" | "none";
  init: "xavier" | "orthogonal";
  perChannel: boolean;
  lags: number;
  paMap: "low-rank" | "identity" | undefined;
  shareLags: boolean;
  seed: number;
  include: string[] | undefined;
  exclude: string[] | undefined;
  stream: number[] | undefined;
  every: number | undefined;
  last: number | undefined;
}

/** What is inserted, and at which sites. */
export const inserting = {
  variant: {
    alias: "v",
    choices: variantNames,
    default: "rw+lr",
    describe: "what to insert",
  },
  rank: {
    alias: "r",
    type: "number",
    default: defaults.rank,
    describe: "rank of the low-rank map",
  },
  normalize: {
    choices: ["softmax", "sigmoid", "none"],
    default: defaults.normalize,
    describe: "how α and β are kept bounded",
  },
  init: {
    choices: ["xavier", "orthogonal"],
    default: defaults.init,
    describe: "how the down-projection starts",
  },
  "per-channel": {
    type: "boolean",
    default: defaults.perChannel,
    describe: "one α and β for each feature",
  },
  lags: {
    type: "number",
    default: defaults.lags,
    describe: "how many skips PA sums, the site's own included",
  },
  "pa-map": {
    choices: ["low-rank", "identity"],
    describe: "PA's map  [default: low-rank with lr, else identity]",
  },
  "share-lags": {
    type: "boolean",
    default: defaults.shareLags,
    describe: "one pair A, B for all lags of a site",
  },
  seed: {
    type: "number",
    default: defaults.seed,
    describe: "seed of the new weights and of the sample inputs",
  },
  include: {
    type: "string",
    array: true,
    nargs: 1,
    describe: "only sites whose name matches a glob",
  },
  exclude: {
    type: "string",
    array: true,
    nargs: 1,
    describe: "no sites whose name matches a glob",
  },
  stream: { type: "number", array: true, nargs: 1, describe: "only sites of these streams" },
  every: { type: "number", describe: "only every n-th site" },
  last: { type: "number", describe: "only the last n sites" },
} as const;
