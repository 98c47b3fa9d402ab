import type { CommandModule } from "yargs";
import type { GivenOptions } from "../../src/options.ts";
import type { Provider } from "../provider.ts";
import { forEachModel, type Several } from "../several-models.ts";
import type { Start, Supervised } from "../supervise.ts";
import { apply } from "./apply.ts";
import { average, combine } from "./average.ts";
import { check } from "./check.ts";
import type { Declaration } from "./command.ts";
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
import { moduleOf } from "./yargs-module.ts";

/** What runs a command; completion also needs all declarations. */
type Run = (args: never, all: readonly Declaration[]) => Promise<void> | void;

/** A command of the command line, and what loads what runs it. */
type Command = readonly [declared: Declaration, load: () => Promise<Run>];

/** Every command, in the order in which the help lists them. */
const registry: readonly Command[] = [
  [laurelize, async () => (await import("../run-laurelize.ts")).runLaurelize],
  [inspect, async () => (await import("../run-inspect.ts")).runInspect],
  [ladder, async () => (await import("../run-ladder.ts")).runLadder],
  [compare, async () => (await import("../run-compare.ts")).runCompare],
  [diff, async () => (await import("../run-diff.ts")).runDiff],
  [strip, async () => (await import("../run-strip.ts")).runStrip],
  [finetune, async () => (await import("../run-finetune.ts")).runFinetune],
  [extract, async () => (await import("../run-extract.ts")).runExtract],
  [fold, async () => (await import("../run-fold.ts")).runFold],
  [apply, async () => (await import("../run-apply.ts")).runApply],
  [average, async () => (await import("../run-combine.ts")).runAverage],
  [combine, async () => (await import("../run-combine.ts")).runCombine],
  [check, async () => (await import("../run-check.ts")).runCheck],
  [exportStep, async () => (await import("../run-export-step.ts")).runExportStep],
  [trainScript, async () => (await import("../run-train-script.ts")).runTrainScript],
  [stepWorker, async () => (await import("../run-step-worker.ts")).runStepWorker],
  [exportTorch, async () => (await import("../run-export-torch.ts")).runExportTorch],
  [completion, async () => (await import("../completion-script.ts")).printCompletion],
];

/** Every command as it is declared. */
export const declarations = registry.map(([declared]) => declared);

const commands = new Map(registry.map((command) => [nameOf(command[0]), command]));

/** The names of all commands, in the order of the help. */
export const commandNames = [...commands.keys()];

/** Returns the command that a word names; "" for laurelize itself. */
export const commandIn = (word = ""): string =>
  word !== "laurelize" && commands.has(word) ? word : "";

function nameOf({ command }: Declaration): string {
  const [name] = command.split(" ");
  return name === "$0" ? "laurelize" : name;
}

/** Returns the modules of all commands; `start` runs those that run in another process. */
export const modulesOf = (start: Start, recipe: GivenOptions): CommandModule[] =>
  [...commands].map(([name, [declared, load]]) => {
    const run = async (args: object) =>
      declared.isHere
        ? (await load())(args as never, declarations)
        : start(name, args as Supervised);
    const isForSeveral = declared.command.endsWith("<model..>");
    return moduleOf(declared, recipe, async (args) =>
      isForSeveral ? forEachModel(name, args as Several, run) : run(args),
    );
  });

/** The commands that run in the process of the command line. */
export const commandsHere = commandNames.filter((name) => commands.get(name)![0].isHere);

/** Loads what runs the command that a word names, which otherwise is a model for laurelize itself. */
export function loadCommand(word: string): Promise<Run> {
  const [, load] = commands.get(word) ?? commands.get("laurelize")!;
  return load();
}

/** Runs a command in this process. */
export async function runCommand(name: string, args: object): Promise<void> {
  const run = (await loadCommand(name)) as (args: object) => Promise<void>;
  const { provider } = args as { readonly provider?: Provider };
  if (provider !== undefined) await (await import("../runtime.ts")).runOn(provider);
  await run(args);
}
