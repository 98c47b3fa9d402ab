import type { CommandModule } from "yargs";
import type { Provider } from "../provider.ts";
import { forEachModel, type Several } from "../several-models.ts";
import type { Start, Supervised } from "../supervise.ts";
import { apply } from "./apply.ts";
import { average, combine } from "./average.ts";
import { check } from "./check.ts";
import { type Declaration, moduleOf } from "./command.ts";
import { compare } from "./compare.ts";
import { completion } from "./completion.ts";
import { diff } from "./diff.ts";
import { exportStep } from "./export-step.ts";
import { exportTorch } from "./export-torch.ts";
import { extract } from "./extract.ts";
import { finetune } from "./finetune.ts";
import { fold } from "./fold.ts";
import { inspect } from "./inspect.ts";
import { ladder } from "./ladder.ts";
import { laurelize } from "./laurelize.ts";
import { stepWorker } from "./step-worker.ts";
import { strip } from "./strip.ts";
import { trainScript } from "./train-script.ts";

/** What runs a command; completion also needs all commands. */
type Run = (args: never, modules: readonly CommandModule[]) => Promise<void> | void;

/** A command of the command line. */
interface Command {
  readonly declared: Declaration;
  /** Loads what runs it. */
  readonly load: () => Promise<Run>;
  /** Whether it runs in this process: it does not run onnxruntime, or has it under control. */
  readonly isHere?: true;
}

/** Every command by its name, in the order in which the help lists them. */
export const commands: Readonly<Record<string, Command>> = {
  laurelize: {
    declared: laurelize,
    load: async () => (await import("../run-laurelize.ts")).runLaurelize,
  },
  inspect: { declared: inspect, load: async () => (await import("../run-inspect.ts")).runInspect },
  ladder: { declared: ladder, load: async () => (await import("../run-ladder.ts")).runLadder },
  compare: { declared: compare, load: async () => (await import("../run-compare.ts")).runCompare },
  diff: { declared: diff, load: async () => (await import("../run-diff.ts")).runDiff },
  strip: {
    declared: strip,
    load: async () => (await import("../run-strip.ts")).runStrip,
    isHere: true,
  },
  finetune: {
    declared: finetune,
    load: async () => (await import("../run-finetune.ts")).runFinetune,
  },
  extract: {
    declared: extract,
    load: async () => (await import("../run-extract.ts")).runExtract,
    isHere: true,
  },
  fold: { declared: fold, load: async () => (await import("../run-fold.ts")).runFold },
  apply: { declared: apply, load: async () => (await import("../run-apply.ts")).runApply },
  average: {
    declared: average,
    load: async () => (await import("../run-combine.ts")).runAverage,
    isHere: true,
  },
  combine: {
    declared: combine,
    load: async () => (await import("../run-combine.ts")).runCombine,
    isHere: true,
  },
  check: { declared: check, load: async () => (await import("../run-check.ts")).runCheck },
  "export-step": {
    declared: exportStep,
    load: async () => (await import("../run-export-step.ts")).runExportStep,
  },
  "train-script": {
    declared: trainScript,
    load: async () => (await import("../run-train-script.ts")).runTrainScript,
    isHere: true,
  },
  "step-worker": {
    declared: stepWorker,
    load: async () => (await import("../run-step-worker.ts")).runStepWorker,
    isHere: true,
  },
  "export-torch": {
    declared: exportTorch,
    load: async () => (await import("../run-export-torch.ts")).runExportTorch,
    isHere: true,
  },
  completion: {
    declared: completion,
    load: async () => (await import("../print-completion.ts")).printCompletion,
    isHere: true,
  },
};

/** Returns the modules of all commands; `start` runs those that run in another process. */
export function modulesOf(start: Start): CommandModule[] {
  const modules: CommandModule[] = Object.entries(commands).map(
    ([name, { declared, load, isHere }]) => {
      const run = async (args: object) =>
        isHere ? (await load())(args as never, modules) : start(name, args as Supervised);
      const isForSeveral = declared.command.endsWith("<model..>");
      return moduleOf(declared, async (args) =>
        isForSeveral ? forEachModel(name, args as Several, run) : run(args),
      );
    },
  );
  return modules;
}

/** Runs a command in this process. */
export async function runCommand(name: string, args: object): Promise<void> {
  const run = (await commands[name].load()) as (args: object) => Promise<void>;
  const { provider } = args as { readonly provider?: Provider };
  if (provider !== undefined) await (await import("../runtime.ts")).runOn(provider);
  await run(args);
}
