import { command } from "./command.ts";
import { dataFiles, delivering, outDir, output, runInputs } from "./options.ts";

/** `laurelize fold`: a laurelized model for deployment. */
export const fold = command({
  command: "fold <model..>",
  describe:
    "make a laurelized model faster for deployment: merge new weights into old ones, and prove the result",
  positionals: { model: "a laurelized .onnx file, trained or not, or several" },
  options: {
    ...output("model.folded.onnx beside the input"),
    ...outDir,
    ...runInputs("the proof"),
    ...dataFiles("changed weights"),
    ...delivering,
  },
  examples: [
    [
      "$0 fold model.laurel.onnx -o deploy.onnx",
      "write a model that costs as little as possible to run",
    ],
  ],
  exitCodes: { 1: "a check failed", 4: "a check could not run" },
  written: "Results are written only with 0.",
});
