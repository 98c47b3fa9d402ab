import { command } from "./command.ts";
import { output, writing } from "./options.ts";

/** `laurelize export-torch`: LAuReL's weights for a PyTorch module. */
export const exportTorch = command({
  command: "export-torch <model>",
  describe: "write α, β, γ, A and B for PyTorch, in the paper's layout, named by module paths",
  isHere: true,
  positionals: { model: "a laurelized .onnx file, trained or not" },
  options: { ...output("model.pt.safetensors beside the input"), ...writing },
  examples: [
    [
      "$0 export-torch tuned.onnx -o laurel.pt.safetensors",
      "write layer1.0.laurel.alpha and the others",
    ],
  ],
});
