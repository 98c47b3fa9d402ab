import { coloring } from "../../passes/ladder/theme-option.ts";
import { command, flag } from "./command.ts";
import { finding, force, idleIf, outDir, output, printing, runInputs, running } from "./options.ts";

/** `laurelize ladder`: a drawing of a model's residual connections. */
export const ladder = command({
  command: "ladder <model..>",
  describe: "draw the residual connections of a model as an SVG file",
  positionals: { model: "the .onnx file, or several" },
  options: {
    ...output("model.ladder.svg beside the input"),
    ...outDir,
    activations: flag("run the model once and show ‖f‖ against ‖x‖ at each site"),
    ...coloring,
    ...idleIf(
      ({ activations }) => (activations ? null : "nothing is run without --activations"),
      runInputs("--activations"),
    ),
    ...finding,
    ...force,
    ...printing,
    ...running,
  },
  examples: [
    ["$0 ladder model.onnx -o ladder.svg", "see where the residual connections are"],
    ["$0 ladder model.tuned.onnx --activations", "see how training changed them"],
  ],
});
