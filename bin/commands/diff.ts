import { type ArgumentsFor, command, flag, text } from "./command.ts";
import { delivering, prove, runInputs } from "./options.ts";

/** `laurelize diff`: what changed between two models. */
export const diff = command({
  command: "diff <a> <b>",
  describe: "show what changed between two models: operators, nodes, weights, sites and outputs",
  positionals: { a: "the .onnx file before the change", b: "the .onnx file after it" },
  options: {
    output: {
      alias: "o",
      ...text(
        "also draw each change before and after, in an .svg file, or in an .html file with all nodes and weights",
      ),
    },
    nodeData: text(
      "also write a .json file with the numbers of each node, as node data of Model Explorer",
    ),
    ...prove(["full"], "also compare the outputs in onnxruntime; --no-prove runs nothing"),
    ...runInputs("both models"),
    all: flag("print every change; otherwise the first 12"),
    ...delivering,
  },
  examples: [
    ["$0 diff model.onnx model.laurel.onnx", "see what laurelize inserted"],
    ["$0 diff model.onnx model.laurel.onnx -o diff.html", "the same as a drawing"],
  ],
  exitCodes: { 0: "done, even if the two differ (see compare)" },
});

/** Arguments of `laurelize diff`. */
export type DiffArguments = ArgumentsFor<typeof diff>;
