import { formatting } from "../../passes/adapter/adapter-options.ts";
import type { AdapterFormat } from "../../src/index.ts";
import type { GivenOptions } from "../../src/options.ts";
import { type ArgumentsFor, command, flag, text } from "./command.ts";
import { output, train, writing } from "./options.ts";

/** Returns the format of an adapter: the one that is named, or that of the output file. */
export const formatOf = ({ format, output }: GivenOptions) =>
  (format ??
    (/\.onnx_adapter$/i.test(String(output)) ? "onnx_adapter" : "safetensors")) as NonNullable<
    AdapterFormat["format"]
  >;

/** `laurelize extract`: only the tuned weights. */
export const extract = command({
  command: "extract <model>",
  describe: "save the LAuReL weights of a model as an adapter",
  isHere: true,
  positionals: { model: "a laurelized .onnx file, trained or not" },
  options: {
    ...output("model.safetensors beside the input"),
    ...formatting,
    peft: {
      ...flag("also write adapter_config.json, with the names that PEFT uses"),
      idle: (others) =>
        formatOf(others) === "onnx_adapter" ? "an onnx_adapter has no configuration" : null,
    },
    baseModel: {
      ...text("name or path of the original model, for adapter_config.json"),
      idle: ({ peft }) => (peft ? null : "it goes into the file that --peft writes"),
    },
    ...train(
      "also save the weights whose names match this glob ('fc.*'); --no-train saves only LAuReL's  [default: those recorded as trained]",
    ),
    ...writing,
  },
  examples: [
    ["$0 extract tuned.onnx -o adapter.safetensors", "save what the training has learned"],
  ],
});

/** Arguments of `laurelize extract`. */
export type ExtractArguments = ArgumentsFor<typeof extract>;
