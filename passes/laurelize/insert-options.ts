import type { GivenOptions, Options } from "../../src/options.ts";
import { defaults, variantNames } from "../variants/index.ts";

/** What is inserted if nothing is said. */
export const DEFAULT_VARIANT = "rw+lr";

const variantOf = ({ variant }: GivenOptions) => String(variant ?? DEFAULT_VARIANT);
const has = (part: string, options: GivenOptions) => variantOf(options).split("+").includes(part);
const without = (part: string) => (options: GivenOptions) =>
  has(part, options) ? null : `variant ${variantOf(options)} has no ${part}`;
/** Options of the low-rank map, which LR has, and PA unless its map is the identity. */
const withoutMap = (options: GivenOptions) =>
  has("lr", options) || (has("pa", options) && options.paMap === "low-rank")
    ? null
    : `variant ${variantOf(options)} has no low-rank map${has("pa", options) ? " here" : ""}`;

/** What is inserted. */
export const inserting = {
  variant: {
    alias: "v",
    type: "string",
    choices: variantNames,
    default: DEFAULT_VARIANT,
    describe: "LAuReL variant to insert",
  },
  rank: {
    alias: "r",
    type: "number",
    default: defaults.rank,
    describe: "rank of the low-rank map",
    idle: withoutMap,
  },
  normalize: {
    type: "string",
    choices: ["softmax", "sigmoid", "none"],
    default: defaults.normalize,
    describe: "how α and β are kept bounded",
    idle: without("rw"),
  },
  init: {
    type: "string",
    choices: ["xavier", "orthogonal"],
    default: defaults.init,
    describe: "how the down-projection starts",
    idle: withoutMap,
  },
  perChannel: {
    type: "boolean",
    default: defaults.perChannel,
    describe: "one α and β for each feature",
    idle: without("rw"),
  },
  lags: {
    type: "number",
    default: defaults.lags,
    describe: "how many skips PA sums, the site's own included",
    idle: without("pa"),
  },
  paMap: {
    type: "string",
    choices: ["low-rank", "identity"],
    describe: "PA's map  [default: low-rank with lr, else identity]",
    idle: without("pa"),
  },
  shareLags: {
    type: "boolean",
    default: defaults.shareLags,
    describe: "one pair A, B for all lags of a site",
    idle: (options) => without("pa")(options) ?? withoutMap(options),
  },
  seed: {
    type: "number",
    default: defaults.seed,
    describe: "seed of the new weights and of the sample inputs",
  },
} as const satisfies Options;

/** Which sites are taken. */
export const choosing = {
  include: {
    type: "string",
    array: true,
    describe: "only sites whose name matches a glob",
  },
  exclude: {
    type: "string",
    array: true,
    describe: "no sites whose name matches a glob",
  },
  stream: { type: "number", array: true, describe: "only sites of these streams" },
  every: { type: "number", describe: "only every n-th site" },
  last: { type: "number", describe: "only the last n sites" },
} as const satisfies Options;
