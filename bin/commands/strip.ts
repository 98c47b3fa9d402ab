import type { Argv, CommandModule } from "yargs";

/** What the command line says. */
export interface StripArguments {
  model: string;
  output: string | undefined;
  force: boolean;
  quiet: boolean;
  trustLinks: boolean;
}

/** `laurelize strip`: the model as it was before. */
export const strip: CommandModule<object, StripArguments> = {
  command: "strip <model>",
  describe: "give back the original of a laurelized model, byte for byte",
  builder: (yargs) =>
    yargs
      .positional("model", {
        type: "string",
        demandOption: true,
        describe: "a laurelized .onnx file",
      })
      .options({
        output: {
          alias: "o",
          type: "string",
          describe: "where to write  [default: the name without .laurel]",
        },
        force: {
          alias: "f",
          type: "boolean",
          default: false,
          describe: "replace an existing output",
        },
        quiet: { alias: "q", type: "boolean", default: false, describe: "print errors only" },
        "trust-links": {
          type: "boolean",
          default: false,
          describe: "follow links to weights that lead out of the model's folder",
        },
      })
      .example(
        "$0 strip model.laurel.onnx -o original.onnx",
        "take LAuReL out again",
      ) as unknown as Argv<StripArguments>,
  handler: async (args) => {
    const { runStrip } = await import("../run-strip.ts");
    await runStrip(args);
  },
};
