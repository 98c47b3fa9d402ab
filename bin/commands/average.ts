import { type ArgumentsFor, command, flag, text } from "./command.ts";
import { force, printing } from "./options.ts";

const output = {
  output: { alias: "o", ...text("output file, .safetensors"), demandOption: true },
} as const;

/** `laurelize average`: the mean of adapters that were trained in several places. */
export const average = command({
  command: "average <adapters..>",
  describe: "average adapters of one model, each weighted by its number of training examples",
  isHere: true,
  positionals: { adapters: ".safetensors files from finetune or extract" },
  options: {
    ...output,
    equal: flag(
      "give every adapter the same weight; this is also done if a number of examples is unknown",
    ),
    ...force,
    ...printing,
  },
  examples: [
    [
      "$0 average a.safetensors b.safetensors -o c.safetensors",
      "average two trainings into one adapter",
    ],
  ],
});

/** `laurelize combine`: a weighted sum of adapters. */
export const combine = command({
  command: "combine <adapters..>",
  describe: "compute a weighted sum of adapters of one model",
  isHere: true,
  positionals: { adapters: ".safetensors files with their weights: adapter.safetensors=0.7" },
  options: { ...output, ...force, ...printing },
  examples: [
    ["$0 combine a.safetensors=0.7 b.safetensors=0.3 -o c.safetensors", "mix two adapters"],
  ],
});

/** Arguments of `laurelize average`. */
export type AverageArguments = ArgumentsFor<typeof average>;

/** Arguments of `laurelize combine`. */
export type CombineArguments = ArgumentsFor<typeof combine>;
