import type { Argv, CommandModule } from "yargs";
import type { FoldArguments } from "../run-fold.ts";
import type { Start } from "../supervise.ts";
import { dim, force, inputs, json, quiet, timeout, trustLinks, withValues } from "./options.ts";

/** `laurelize fold`: a laurelized model for deployment. */
export const fold = (start: Start): CommandModule<object, FoldArguments> => ({
  command: "fold <model>",
  describe: "take out of a laurelized model what inference need not pay for, and prove the result",
  builder: (yargs) =>
    yargs
      .positional("model", {
        type: "string",
        demandOption: true,
        describe: "a laurelized .onnx file, trained or not",
      })
      .options(
        withValues({
          output: {
            alias: "o",
            type: "string",
            describe: "where to write  [default: model.folded.onnx beside the input]",
          },
          ...dim("in the proof"),
          ...inputs("for the proof"),
          seed: { type: "number", default: 0, describe: "seed of the sample inputs" },
          "copy-data": {
            type: "boolean",
            default: false,
            describe: "copy the model's data files too, named after the output",
          },
          "external-data": {
            type: "string",
            requiresArg: false,
            describe:
              "keep changed weights in a file of their own; --no-external-data keeps them in the model  [default: as the old ones]",
          },
          ...force,
          ...json,
          ...quiet,
          ...timeout,
          ...trustLinks,
        }),
      )
      .example(
        "$0 fold model.laurel.onnx -o deploy.onnx",
        "a model that costs what the original did",
      ) as unknown as Argv<FoldArguments>,
  handler: (args) => start("fold", args),
});
