import { UsageError } from "../failure.ts";

/**
 * Options of which each that is no switch is refused without a value, not taken as its default,
 * unless it says itself that it may stand alone.
 */
export const withValues = <T extends Readonly<Record<string, object>>>(options: T): T =>
  Object.fromEntries(
    Object.entries(options).map(([name, option]) =>
      "type" in option && option.type === "boolean"
        ? [name, option]
        : [name, { requiresArg: true, ...option }],
    ),
  ) as unknown as T;

/** Sizes of free dimensions, where inputs are made up. */
export const dim = (where?: string) =>
  ({
    dim: {
      type: "string",
      array: true,
      nargs: 1,
      describe: `size of a free dimension${where ? ` ${where}` : ""}, name=4`,
    },
  }) as const;

/** Inputs of the user's, where models are run. */
export const inputs = (of: string) =>
  ({
    inputs: {
      type: "string",
      describe: `inputs ${of}: an .npz, or an ONNX test_data_set_* folder`,
    },
  }) as const;

/** What counts as a site. */
export const finding = {
  also: {
    type: "string",
    array: true,
    nargs: 1,
    coerce: (given: string[]) => given.flatMap((text) => text.split(",")),
    describe: "also take sums of these kinds: se, merge, constant",
  },
  "feature-axis": {
    type: "number",
    describe: "feature axis of every site, where the graph does not tell it",
  },
} as const;

/** How long onnxruntime may stay silent. */
export const timeout = {
  timeout: {
    type: "number",
    default: 600,
    coerce: (seconds: number) => {
      if (seconds > 0 && seconds <= LONGEST) return seconds;
      throw new UsageError(`--timeout must be a number of seconds from 0 to ${LONGEST}.`);
    },
    describe: "seconds after which a single call of onnxruntime is given up",
  },
} as const;

/** The longest time, in seconds, that a timer of Node can wait. */
const LONGEST = 2_000_000;

/** Whether weights may lie outside the model's folder. */
export const trustLinks = {
  "trust-links": {
    type: "boolean",
    default: false,
    describe: "follow links to weights that lead out of the model's folder",
  },
} as const;

/** Whether an output may replace a file. */
export const force = {
  force: {
    alias: "f",
    type: "boolean",
    default: false,
    describe: "replace an existing output",
  },
} as const;

/** A report for programs. */
export const json = {
  json: { type: "boolean", default: false, describe: "print one JSON document on stdout" },
} as const;

/** No report at all. */
export const quiet = {
  quiet: { alias: "q", type: "boolean", default: false, describe: "print errors only" },
} as const;

/** Weights that are tuned beside the new ones. */
export const train = (what: string) =>
  ({
    train: {
      type: "string",
      array: true,
      nargs: 1,
      describe: `globs over names of further weights that are ${what}, a head for instance`,
    },
  }) as const;
