import type { Argv, CommandModule } from "yargs";

/** What the command line says. */
export interface Arguments {
  a: string;
  b: string;
  dim: string[] | undefined;
  inputs: string | undefined;
  seed: number;
  json: boolean;
  quiet: boolean;
  trustLinks: boolean;
}

/** `laurelize verify`: whether two models are the same, and where they part. */
export const verify: CommandModule<object, Arguments> = {
  command: "verify <a> <b>",
  describe: "compare any two models and say where they part",
  builder: (yargs) =>
    yargs
      .positional("a", { type: "string", demandOption: true, describe: "the first .onnx file" })
      .positional("b", { type: "string", demandOption: true, describe: "the second .onnx file" })
      .options({
        dim: {
          type: "string",
          array: true,
          nargs: 1,
          describe: "size of a free dimension, name=4",
        },
        inputs: {
          type: "string",
          describe: "inputs for both: an .npz, or an ONNX test_data_set_* folder",
        },
        seed: { type: "number", default: 0, describe: "seed of the sample inputs" },
        json: { type: "boolean", default: false, describe: "print one JSON document on stdout" },
        quiet: { alias: "q", type: "boolean", default: false, describe: "print errors only" },
        "trust-links": {
          type: "boolean",
          default: false,
          describe: "follow links to weights that lead out of the model's folder",
        },
      })
      .example("$0 verify model.onnx model.laurel.onnx", "what was inserted must change nothing")
      .epilogue(
        "Exit codes: 0 the same function and nothing changed or lost, 1 they differ, 2 unreadable.",
      ) as unknown as Argv<Arguments>,
  handler: async (args) => {
    const { runVerify } = await import("../run-verify.ts");
    await runVerify(args);
  },
};
