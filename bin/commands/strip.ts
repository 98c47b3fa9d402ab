import { type ArgumentsFor, command } from "./command.ts";
import { outDir, output, writing } from "./options.ts";

/** `laurelize strip`: the model as it was before. */
export const strip = command({
  command: "strip <model..>",
  describe: "restore the original of a laurelized model, byte for byte",
  isHere: true,
  positionals: { model: "a laurelized .onnx file, or several" },
  options: { ...output("the name without .laurel"), ...outDir, ...writing },
  examples: [["$0 strip model.laurel.onnx -o original.onnx", "remove LAuReL"]],
});

/** Arguments of `laurelize strip`. */
export type StripArguments = ArgumentsFor<typeof strip>;
