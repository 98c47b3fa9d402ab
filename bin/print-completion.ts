import path from "node:path";
import type { CommandModule } from "yargs";
import type { CompletionArguments } from "./commands/completion.ts";
import { completionScript, SHELLS } from "./completion-script.ts";
import { UsageError } from "./failure.ts";
import { registeredCommands } from "./registry.ts";

/** Prints the completion script of a shell; by default of that which the user has. */
export function printCompletion(
  { shell: given }: CompletionArguments,
  modules: readonly CommandModule[],
): void {
  const wanted = given ?? path.basename(process.env.SHELL ?? "");
  const shell = SHELLS.find((name) => name === wanted);
  if (shell === undefined)
    throw new UsageError(
      `completion is for ${SHELLS.slice(0, -1).join(", ")} and ${SHELLS.at(-1)}${given === undefined ? "; name one of them" : ` (got ${given})`}.`,
    );
  process.stdout.write(completionScript(shell, registeredCommands(modules)));
}
