import type { Argv, CommandModule } from "yargs";
import type { StripArguments } from "../run-strip.ts";
import { forEachModel, type Several } from "../several-models.ts";
import { force, json, outDir, output, quiet, trustLinks, withValues } from "./options.ts";

/** `laurelize strip`: the model as it was before. */
export const strip: CommandModule<object, Several<StripArguments>> = {
  command: "strip <model..>",
  describe: "give back the original of a laurelized model, byte for byte",
  builder: (yargs) =>
    yargs
      .positional("model", {
        type: "string",
        demandOption: true,
        describe: "a laurelized .onnx file, or several",
      })
      .options(
        withValues({
          ...output("the name without .laurel"),
          ...outDir,
          ...force,
          ...json,
          ...quiet,
          ...trustLinks,
        }),
      )
      .example(
        "$0 strip model.laurel.onnx -o original.onnx",
        "take LAuReL out again",
      ) as unknown as Argv<Several<StripArguments>>,
  handler: async (args) => {
    const { runStrip } = await import("../run-strip.ts");
    await forEachModel<StripArguments>("strip", args, runStrip);
  },
};
