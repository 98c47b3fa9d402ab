import yargs, { type CommandModule } from "yargs";
import type { Option } from "../src/options.ts";
import { camelCased, declared, flags } from "./commands/command.ts";

/** An option of a command, as its declaration states it. */
export type RegisteredOption = Omit<Option, "idle" | "default">;

/** A command, as its module declares it. */
export interface RegisteredCommand {
  /** "inspect"; "" for the command without a name. */
  readonly name: string;
  readonly describe: string;
  /** By names in code; a choice that is offered as a flag is an option of its own. */
  readonly options: Readonly<Record<string, RegisteredOption>>;
}

/** Returns all commands that the help shows, with their options. Leaves the declarations of the last one behind. */
export function registeredCommands(modules: readonly CommandModule[]): RegisteredCommand[] {
  const shown = modules.filter(({ describe }) => describe !== false);
  return shown.map(({ command, describe, builder }) => {
    if (typeof builder === "function") builder(yargs([]));
    const options: Record<string, RegisteredOption> = {};
    for (const [name, { default: _, idle: __, ...option }] of declared) options[name] = option;
    for (const choices of flags.values())
      for (const choice of choices) options[camelCased(choice)] ??= { type: "boolean" };
    const name = String(command).split(" ")[0];
    return { name: name === "$0" ? "" : name, describe: String(describe ?? ""), options };
  });
}
