import { putting } from "../../passes/adapter/adapter-options.ts";
import { type ArgumentsFor, command, flag } from "./command.ts";
import { dataFiles, delivering, output } from "./options.ts";

/** `laurelize apply`: an adapter put into its model. */
export const apply = command({
  command: "apply <model> <adapter>",
  describe: "put an adapter into its model, which may be laurelized already or not",
  positionals: {
    model: "the original .onnx file, or the laurelized one",
    adapter: "a .safetensors file from finetune or extract, or an .onnx_adapter file",
  },
  options: {
    ...output("model.tuned.onnx beside the input"),
    ...putting,
    fold: flag("also fold the tuned model, as laurelize fold does, and prove the result"),
    ...dataFiles("the adapter's weights"),
    ...delivering,
  },
  examples: [
    [
      "$0 apply model.onnx adapter.safetensors -o tuned.onnx",
      "make the tuned model from the original one",
    ],
  ],
  exitCodes: { 1: "a check failed", 4: "a check could not run" },
  written: "Results are written only with 0.",
});

/** Arguments of `laurelize apply`. */
export type ApplyArguments = ArgumentsFor<typeof apply>;
