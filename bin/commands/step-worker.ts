import { type ArgumentsFor, command } from "./command.ts";

/** `laurelize step-worker`: runs a step's graphs for a program that has no onnxruntime itself. */
export const stepWorker = command({
  command: "step-worker <step>",
  describe: "run an exported step for train.py, over stdin and stdout",
  isHere: true,
  positionals: { step: "the folder that export-step wrote" },
  options: {
    weights: {
      type: "string",
      describe: "folder of the frozen weights  [default: the one that the manifest names]",
    },
    threads: {
      type: "number",
      default: 0,
      range: { integer: true, min: 0 },
      describe: "number of onnxruntime threads; 0 lets onnxruntime choose",
    },
  },
});

/** What the command line says. */
export type StepWorkerArguments = ArgumentsFor<typeof stepWorker>;
