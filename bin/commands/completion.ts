import { type ArgumentsFor, command } from "./command.ts";

/** `laurelize completion`: what a shell needs to complete commands and options. */
export const completion = command({
  command: "completion [shell]",
  describe: "print a script that completes commands and options in bash, zsh or fish",
  isHere: true,
  positionals: { shell: "bash, zsh or fish  [default: the shell in $SHELL]" },
  options: {},
  examples: [
    ['eval "$($0 completion bash)"', "in ~/.bashrc"],
    ["source <($0 completion zsh)", "in ~/.zshrc, after compinit"],
    ["$0 completion fish > ~/.config/fish/completions/laurelize.fish", "once, in fish"],
  ],
});

/** Arguments of `laurelize completion`. */
export type CompletionArguments = Partial<ArgumentsFor<typeof completion>>;
