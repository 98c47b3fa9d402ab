import type { ranking } from "../passes/distributed/export-options.ts";
import type { ArgumentsOf } from "../src/option-values.ts";
import type { FinetuneArguments } from "./finetune-arguments.ts";

/** The command line of export-step; options of the loss and of the optimizer stand beside these. */
export interface ExportStepArguments
  extends Omit<
      FinetuneArguments,
      "best" | "data" | "eval" | "loss" | "metrics" | "resume" | "teacher" | "weights" | "threads"
    >,
    ArgumentsOf<typeof ranking> {
  loss: string;
  data: string[] | undefined;
  dim: string[] | undefined;
  linkWeights: boolean;
}
