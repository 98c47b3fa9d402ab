import type { Argv, CommandModule } from "yargs";
import type { TrainScriptArguments } from "../run-train-script.ts";
import { force, output, quiet, withValues } from "./options.ts";

/** `laurelize train-script`: copies out the program that trains an exported step on several machines. */
export const trainScript: CommandModule<object, TrainScriptArguments> = {
  command: "train-script",
  describe: "copy out train.py, which trains an exported step under torchrun, mpirun or Ray",
  builder: (yargs) =>
    yargs
      .options(withValues({ ...output("train.py"), ...force, ...quiet }))
      .example(
        "$0 train-script -o train.py",
        "then: torchrun --nproc-per-node 2 train.py --step step/ --data shards/",
      ) as unknown as Argv<TrainScriptArguments>,
  handler: async (args) => {
    const { runTrainScript } = await import("../run-train-script.ts");
    await runTrainScript(args);
  },
};
