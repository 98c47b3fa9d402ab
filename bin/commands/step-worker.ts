import { fitting } from "../../passes/finetune/fit-options.ts";
import { command, text } from "./command.ts";

/** `laurelize step-worker`: runs a step's graphs for a program that has no onnxruntime itself. */
export const stepWorker = command({
  command: "step-worker <step>",
  describe: "run an exported step for train.py, over stdin and stdout",
  isHere: true,
  positionals: { step: "the folder that export-step wrote" },
  options: {
    weights: text("folder of the frozen weights  [default: the one that the manifest names]"),
    threads: fitting.threads,
  },
});
