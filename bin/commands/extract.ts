import type { Argv, CommandModule } from "yargs";
import type { ExtractArguments } from "../run-extract.ts";
import { force, json, output, quiet, train, trustLinks, withValues } from "./options.ts";

/** `laurelize extract`: the tuned weights alone. */
export const extract: CommandModule<object, ExtractArguments> = {
  command: "extract <model>",
  describe:
    "take the LAuReL weights of a model out into an adapter: a .safetensors file, or onnxruntime's own format",
  builder: (yargs) =>
    yargs
      .positional("model", {
        type: "string",
        demandOption: true,
        describe: "a laurelized .onnx file, trained or not",
      })
      .options(
        withValues({
          ...output("model.safetensors beside the input"),
          format: {
            choices: ["safetensors", "onnx_adapter"],
            default: "safetensors",
            describe:
              "a .safetensors file, or an adapter that onnxruntime loads over optional inputs",
          },
          peft: {
            type: "boolean",
            default: false,
            describe: "write an adapter_config.json beside it, under the names that PEFT uses",
            idle: ({ format }) =>
              format === "onnx_adapter" ? "an onnx_adapter has no configuration" : null,
          },
          "base-model": {
            type: "string",
            describe: "name or path of the original model, for adapter_config.json",
            idle: ({ peft }) => (peft ? null : "it goes into the file that --peft writes"),
          },
          ...train(
            "globs over names of further weights to take; --no-train takes LAuReL's alone  [default: those noted as trained]",
          ),
          ...force,
          ...json,
          ...quiet,
          ...trustLinks,
        }),
      )
      .example(
        "$0 extract tuned.onnx -o adapter.safetensors",
        "take out what training has made",
      ) as unknown as Argv<ExtractArguments>,
  handler: async (args) => {
    const { runExtract } = await import("../run-extract.ts");
    await runExtract(args);
  },
};
