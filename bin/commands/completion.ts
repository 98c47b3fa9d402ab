import type { Argv, CommandModule } from "yargs";
import { withValues } from "./options.ts";

/** What the command line says. */
interface CompletionArguments {
  shell: string | undefined;
}

/** `laurelize completion`: what a shell needs to complete commands and options. */
export const completion = (
  modules: () => readonly CommandModule[],
): CommandModule<object, CompletionArguments> => ({
  command: "completion [shell]",
  describe: "print a script by which bash, zsh or fish completes commands and options",
  builder: (yargs) =>
    yargs
      .positional("shell", {
        type: "string",
        describe: "bash, zsh or fish  [default: that of $SHELL]",
      })
      .options(withValues({}))
      .example('eval "$($0 completion bash)"', "in ~/.bashrc")
      .example("source <($0 completion zsh)", "in ~/.zshrc, after compinit")
      .example(
        "$0 completion fish > ~/.config/fish/completions/laurelize.fish",
        "once",
      ) as unknown as Argv<CompletionArguments>,
  handler: async ({ shell }) => {
    const { printCompletion } = await import("../print-completion.ts");
    printCompletion(shell, modules());
  },
});
