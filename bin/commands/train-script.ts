import { command } from "./command.ts";
import { force, output, quiet } from "./options.ts";

/** `laurelize train-script`: copies out the program that trains an exported step on several machines. */
export const trainScript = command({
  command: "train-script",
  describe: "write train.py, which trains an exported step under torchrun, mpirun or Ray",
  isHere: true,
  options: { ...output("train.py"), ...force, ...quiet },
  examples: [
    [
      "$0 train-script -o train.py",
      "then: torchrun --nproc-per-node 2 train.py --step step/ --data shards/",
    ],
  ],
});
