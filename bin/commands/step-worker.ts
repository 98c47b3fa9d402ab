import type { Argv, CommandModule } from "yargs";
import type { StepWorkerArguments } from "../run-step-worker.ts";
import { withValues } from "./options.ts";

/** `laurelize step-worker`: runs a step's graphs for a program that has no onnxruntime itself. */
export const stepWorker: CommandModule<object, StepWorkerArguments> = {
  command: "step-worker <step>",
  describe: "run an exported step for train.py, over stdin and stdout",
  builder: (yargs) =>
    yargs
      .positional("step", {
        type: "string",
        demandOption: true,
        describe: "the folder that export-step wrote",
      })
      .options(
        withValues({
          weights: {
            type: "string",
            describe: "folder of the frozen weights  [default: where the manifest says]",
          },
          threads: {
            type: "number",
            default: 0,
            range: { integer: true, min: 0 },
            describe: "threads of onnxruntime; 0 for its choice",
          },
        }),
      ) as unknown as Argv<StepWorkerArguments>,
  handler: async (args) => {
    const { runStepWorker } = await import("../run-step-worker.ts");
    await runStepWorker(args);
  },
};
