import { choosing } from "../../passes/laurelize/insert-options.ts";
import type { GivenOptions } from "../../src/options.ts";
import { parseDims, parseFeatureAxis, wordsIn } from "../parse-options.ts";
import { type CliOption, flag, text } from "./command.ts";

/** Declares what a command writes, and its default. */
export const output = (byDefault: string, what = "output file") =>
  ({
    output: { alias: "o", type: "string", describe: `${what}  [default: ${byDefault}]` },
  }) as const;

/** A folder for the results, instead of the models' own. */
export const outDir = {
  outDir: text("folder to write into, under default names; it is created if it does not exist"),
} as const;

/** Declares where a result keeps its weights; `external` names those that a data file takes. */
export const dataFiles = (external: string) =>
  ({
    copyData: flag(
      "also copy the model's data files (external weights); their copies are named after the output",
    ),
    externalData: {
      type: "string",
      requiresArg: false,
      describe: `store ${external} in a separate file, under this name if you give one; --no-external-data stores them in the model  [default: like the old weights]`,
    },
  }) as const;

/** The seed of random inputs, if they are not given. */
const seed = {
  seed: {
    type: "number",
    default: 0,
    describe: "seed of the random inputs",
    idle: (others: GivenOptions) =>
      others.inputs === undefined ? notRun(others) : "the inputs are given",
  },
} as const;

const notRun = ({ prove }: GivenOptions) =>
  prove === "none" ? "nothing is run without a proof" : null;

/** Declares sizes of free dimensions for random inputs. */
export const dim = (where?: string) =>
  ({
    dim: {
      type: "string",
      array: true,
      coerce: parseDims,
      describe: `size of a free dimension${where ? ` ${where}` : ""}, by its name (batch=4)  [default: a size that the model accepts]`,
      idle: (others: GivenOptions) =>
        others.inputs !== undefined ? "the given inputs already have sizes" : notRun(others),
    },
  }) as const;

/** Declares the user's inputs of a run. */
export const inputs = (of: string) =>
  ({
    inputs: text(
      `inputs for ${of}: an .npz file with an array for each input, or an ONNX test_data_set_* folder  [default: random]`,
    ),
  }) as const;

/** Declares the inputs of a run: the user's, or sizes and a seed for random ones. */
export const runInputs = (of: string) =>
  ({
    ...dim(`for ${of}`),
    inputs: { ...inputs(of).inputs, idle: notRun },
    ...seed,
  }) as const;

/** What counts as a site, and which sites are meant. */
export const finding = {
  ...choosing,
  also: {
    type: "string",
    array: true,
    coerce: (given: string[]) => wordsIn(given) as ("se" | "merge" | "constant")[],
    describe:
      "also use sums of these kinds, separated by commas: se (x + x·gate), merge (joins of two scales), constant (a skip that is the same for every input)",
  },
  featureAxis: {
    type: "string",
    coerce: parseFeatureAxis,
    describe:
      "feature axis, if the graph does not show it or shows it wrongly: of every site (2 or -1), or of sites by name ('layer.*=3,head.*=1')",
  },
} as const;

/** Declares how far a result is proved: in these ways, or not at all. */
export const prove = <const C extends string>(choices: readonly C[], describe: string) =>
  ({
    prove: {
      choices: [...choices, "none"] as readonly (C | "none")[],
      default: choices[0],
      // yargs makes false of --no-prove.
      coerce: (given: string | boolean) => (given === false ? "none" : given),
      describe,
    },
  }) as const;

/** Where models run. */
export const provider = {
  provider: {
    type: "string",
    choices: ["cpu", "cuda", "webgpu", "coreml", "dml"],
    default: "cpu",
    describe: "where onnxruntime runs the models; the installed onnxruntime-node must support it",
  },
} as const;

/** How long onnxruntime may stay silent. */
export const timeout = {
  timeout: {
    type: "number",
    default: 600,
    // The longest time that a timer of Node can wait is a little more.
    range: { above: 0, below: 2_000_000 },
    describe: "seconds after which a single call of onnxruntime is ended",
  },
} as const;

/** Whether weights may lie outside the model's folder. */
export const trustLinks = {
  trustLinks: flag("read weights through links to places outside the model's folder"),
} as const;

/** How a command that runs models does so. */
export const running = { ...provider, ...timeout, ...trustLinks } as const;

/** Whether an output may replace a file. */
export const force = { force: { alias: "f", ...flag("replace existing output files") } } as const;

/** A report for people, as a page. */
export const report = {
  report: text(
    "also write an HTML page to this file: the drawing, the numbers and how to reproduce them; --json then includes them",
  ),
} as const;

/** Whether a report may replace a file, for commands that write nothing else. */
export const reportForce = {
  force: {
    alias: "f",
    ...flag("replace an existing report"),
    idle: (others: GivenOptions) => (others.report === undefined ? "there is no --report" : null),
  },
} as const;

/** Whether only errors are printed. */
export const quiet = { quiet: { alias: "q", ...flag("print errors only") } } as const;

/** How much is printed, for people or for programs. */
export const printing = { json: flag("print one JSON document on stdout"), ...quiet } as const;

/** How a command that runs models and writes a result does both. */
export const delivering = { ...force, ...report, ...printing, ...running } as const;

/** How a command that runs models and writes nothing but a report does so. */
export const reporting = { ...report, ...reportForce, ...printing, ...running } as const;

/** How a command that runs no models writes what it takes from one. */
export const writing = { ...force, ...printing, ...trustLinks } as const;

/** Declares globs over names of weights; `describe` is the help sentence. */
export const train = (describe: string) =>
  ({
    train: {
      type: "string",
      array: true,
      // yargs makes [false] of --no-train.
      coerce: (given: unknown) => ([given].flat().includes(false) ? [] : (given as string[])),
      describe,
    },
  }) as const;

/** Returns options that also have no effect if `why` returns a reason. */
export const idleIf = <T extends Readonly<Record<string, CliOption>>>(
  why: NonNullable<CliOption["idle"]>,
  options: T,
): T =>
  Object.fromEntries(
    Object.entries(options).map(([name, option]) => [
      name,
      { ...option, idle: (others: GivenOptions) => why(others) ?? option.idle?.(others) ?? null },
    ]),
  ) as T;
