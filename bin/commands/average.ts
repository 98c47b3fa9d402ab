import type { Argv, CommandModule } from "yargs";
import type { CombineArguments } from "../run-combine.ts";
import { force, json, quiet, withValues } from "./options.ts";

const output = {
  output: {
    alias: "o",
    type: "string",
    demandOption: true,
    describe: "where to write, a .safetensors file",
  },
} as const;

/** `laurelize average`: the mean of adapters that were trained in several places. */
export const average: CommandModule<object, CombineArguments> = {
  command: "average <adapters..>",
  describe: "average adapters of one model, weighted by their numbers of examples",
  builder: (yargs) =>
    yargs
      .positional("adapters", {
        type: "string",
        demandOption: true,
        describe: ".safetensors files of extract's or finetune's",
      })
      .options(
        withValues({
          ...output,
          equal: {
            type: "boolean",
            default: false,
            describe:
              "give every adapter the same weight  [default: their numbers of examples if all are known]",
          },
          ...force,
          ...json,
          ...quiet,
        }),
      )
      .example(
        "$0 average a.safetensors b.safetensors -o c.safetensors",
        "one adapter of two trainings",
      ) as unknown as Argv<CombineArguments>,
  handler: async (args) => {
    const { runAverage } = await import("../run-combine.ts");
    await runAverage(args);
  },
};

/** `laurelize combine`: a weighted sum of adapters. */
export const combine: CommandModule<object, CombineArguments> = {
  command: "combine <adapters..>",
  describe: "add adapters of one model up with weights, adapter.safetensors=0.7",
  builder: (yargs) =>
    yargs
      .positional("adapters", {
        type: "string",
        demandOption: true,
        describe: ".safetensors files, each with its weight, file=0.7",
      })
      .options(withValues({ ...output, ...force, ...json, ...quiet }))
      .example(
        "$0 combine a.safetensors=0.7 b.safetensors=0.3 -o c.safetensors",
        "more of one than of the other",
      ) as unknown as Argv<CombineArguments>,
  handler: async (args) => {
    const { runCombine } = await import("../run-combine.ts");
    await runCombine(args);
  },
};
