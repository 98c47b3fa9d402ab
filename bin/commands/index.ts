import type { CommandModule } from "yargs";
import type { Provider } from "../provider.ts";
import type { Start } from "../supervise.ts";
import { apply } from "./apply.ts";
import { average, combine } from "./average.ts";
import { check } from "./check.ts";
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

/** A command of the command line. */
interface Command {
  /** Declares its options, a module of yargs; `start` runs it in another process. */
  readonly declare: (start: Start) => Pick<CommandModule, "command">;
  /** Loads what `start` runs; absent for a command that runs no onnxruntime. */
  readonly run?: () => Promise<(args: never) => Promise<void>>;
}

/** Every command by its name, in the order in which the help lists them. */
export const commands: Readonly<Record<string, Command>> = {
  laurelize: {
    declare: laurelize,
    run: async () => (await import("../run-laurelize.ts")).runLaurelize,
  },
  inspect: {
    declare: inspect,
    run: async () => (await import("../run-inspect.ts")).runInspect,
  },
  ladder: {
    declare: ladder,
    run: async () => (await import("../run-ladder.ts")).runLadder,
  },
  compare: {
    declare: compare,
    run: async () => (await import("../run-compare.ts")).runCompare,
  },
  diff: { declare: diff, run: async () => (await import("../run-diff.ts")).runDiff },
  strip: { declare: () => strip },
  finetune: {
    declare: finetune,
    run: async () => (await import("../run-finetune.ts")).runFinetune,
  },
  extract: { declare: () => extract },
  fold: { declare: fold, run: async () => (await import("../run-fold.ts")).runFold },
  apply: { declare: apply, run: async () => (await import("../run-apply.ts")).runApply },
  average: { declare: () => average },
  combine: { declare: () => combine },
  check: { declare: check, run: async () => (await import("../run-check.ts")).runCheck },
  "export-step": {
    declare: exportStep,
    run: async () => (await import("../run-export-step.ts")).runExportStep,
  },
  "train-script": { declare: () => trainScript },
  "step-worker": { declare: () => stepWorker },
  "export-torch": { declare: () => exportTorch },
  completion: { declare: (start) => completion(() => modulesOf(start)) },
};

/** Returns the modules of all commands; `start` runs them. */
export const modulesOf = (start: Start): CommandModule[] =>
  Object.values(commands).map(({ declare }) => declare(start) as CommandModule);

/** Runs a command in this process. */
export async function runCommand(name: string, args: object): Promise<void> {
  const run = (await commands[name].run?.()) as ((args: object) => Promise<void>) | undefined;
  const { provider } = args as { readonly provider?: Provider };
  if (provider !== undefined) await (await import("../runtime.ts")).runOn(provider);
  await run?.(args);
}
