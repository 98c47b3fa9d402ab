import { dashed, type GivenOptions, type Option } from "../../src/options.ts";
import { UsageError } from "../failure.ts";
import { parseFeatureAxis } from "../feature-axis.ts";

/** An option of the command line: one of the API, or one that yargs alone reads. */
type CliOption = Omit<Option, "idle" | "default"> & {
  readonly default?: unknown;
  readonly idle?: Option["idle"] | undefined;
};

/** The options of the command that is run, by their names in code. */
export const declared = new Map<string, CliOption>();

/** Options of the command that are offered as one flag a choice: these choices, by its name in code. */
export const flags = new Map<string, readonly string[]>();

/** "perChannel" for "per-channel". */
export const camelCased = (name: string) =>
  name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());

/**
 * The options of a command as yargs takes them. Each that is no switch is refused without a value,
 * unless it says itself that it may stand alone. Defaults are shown here and filled in later, so
 * that it stays known what was given.
 */
export function withValues<T extends Readonly<Record<string, CliOption>>>(options: T): T {
  declared.clear();
  flags.clear();
  const offered = Object.entries(options)
    .flatMap(flagsOf)
    .map(([name, option]) => {
      declared.set(camelCased(name), option);
      const { default: value, idle, range, length, nullable, flags, ...rest } = option;
      const shown = value === undefined ? {} : { defaultDescription: described(value) };
      const each = option.array ? { nargs: length ?? 1 } : {};
      const needed = option.type === "boolean" ? {} : { requiresArg: true };
      const listed = isList(option) ? { type: "string", coerce: numbersIn } : {};
      return [dashed(name), { ...needed, ...each, ...shown, ...rest, ...listed }];
    });
  return Object.fromEntries(offered) as unknown as T;
}

/** Whether an option is a list of numbers of any length, which is written 1,2,0.5. */
const isList = ({ type, array, length }: CliOption) =>
  type === "number" && array === true && length === undefined;

const numbersIn = (given: readonly string[] | undefined) =>
  given?.flatMap((text) =>
    text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part))),
  );

const described = (value: unknown) =>
  Array.isArray(value) ? value.join(" ") : JSON.stringify(value);

/** A flag for each choice of an option that is offered so; other options as they are. */
function flagsOf([name, option]: [string, CliOption]): [string, CliOption][] {
  const { flags: isFlags, choices, describe = "", idle } = option;
  if (!isFlags || !choices) return [[name, option]];
  flags.set(camelCased(name), choices);
  return choices.map((choice) => [
    choice,
    { type: "boolean", default: false, describe: describe.replace("%s", choice), idle },
  ]);
}

/** Where a command writes, and where it does if that is not given. */
export const output = (byDefault: string) =>
  ({
    output: {
      alias: "o",
      type: "string",
      describe: `where to write  [default: ${byDefault}]`,
    },
  }) as const;

/** A folder for the results, instead of the models' own. */
export const outDir = {
  "out-dir": {
    type: "string",
    describe: "folder to write into, under the default names; it is made if it is not there",
  },
} as const;

/** Where a result keeps its weights; `external` names those that a data file takes. */
export const dataFiles = (external: string) =>
  ({
    "copy-data": {
      type: "boolean",
      default: false,
      describe: "copy the model's data files too, named after the output",
    },
    "external-data": {
      type: "string",
      requiresArg: false,
      describe: `keep ${external}; --no-external-data keeps them in the model  [default: as the old ones]`,
    },
  }) as const;

/** The seed of random inputs, if they are not given. */
export const seed = {
  seed: {
    type: "number",
    default: 0,
    describe: "seed of the sample inputs",
    idle: (others: GivenOptions) => (others.inputs === undefined ? null : "the inputs are given"),
  },
} as const;

/** Sizes of free dimensions for random inputs. */
export const dim = (where?: string) =>
  ({
    dim: {
      type: "string",
      array: true,
      nargs: 1,
      describe: `size of a free dimension${where ? ` ${where}` : ""}, name=4`,
      idle: (others: GivenOptions) =>
        others.inputs !== undefined
          ? "the inputs given have their sizes"
          : others.prove === "none"
            ? "nothing is run without a proof"
            : null,
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
    type: "string",
    coerce: parseFeatureAxis,
    describe:
      "feature axis of every site, or of sites by name, 'layer.*=3,head.*=1', if the graph does not show it, or shows it wrongly",
  },
} as const;

/** Where models run. */
export const provider = {
  provider: {
    type: "string",
    choices: ["cpu", "cuda", "webgpu", "coreml", "dml"],
    default: "cpu",
    describe: "where onnxruntime runs the models",
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
    describe: "seconds that a single call of onnxruntime may take",
  },
} as const;

/** The longest time, in seconds, that a timer of Node can wait. */
const LONGEST = 2_000_000;

/** Whether weights may lie outside the model's folder. */
export const trustLinks = {
  "trust-links": {
    type: "boolean",
    default: false,
    describe: "follow links to weights outside the model's folder",
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

/** A report for people, as a page. */
export const report = {
  report: {
    type: "string",
    describe:
      "also write a page with the drawing, the figures and how to reproduce them, report.html; --json then holds the same",
  },
} as const;

/** Whether a report may replace a file, for commands that write nothing else. */
export const reportForce = {
  force: {
    alias: "f",
    type: "boolean",
    default: false,
    describe: "replace an existing report",
    idle: (others: GivenOptions) => (others.report === undefined ? "there is no --report" : null),
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
export const train = (describe: string) =>
  ({
    train: {
      type: "string",
      array: true,
      nargs: 1,
      // yargs makes [false] of --no-train.
      coerce: (given: unknown) => ([given].flat().includes(false) ? [] : given),
      describe,
    },
  }) as const;

/** The positional of commands that take several models. */
export const models = {
  type: "string",
  demandOption: true,
  describe: "the .onnx file, or several",
} as const;
