import path from "node:path";
import { dashed } from "../src/options.ts";
import { type CliOption, type Declaration, offeredOptions } from "./commands/command.ts";
import type { CompletionArguments } from "./commands/completion.ts";
import { UsageError } from "./failure.ts";
import { shellQuoted } from "./print.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;

type Shell = (typeof SHELLS)[number];

/** Options that every command has. */
const EVERYWHERE: [name: string, CliOption][] = [
  ["recipe", { type: "string", describe: "options of a recipe in laurelize.config.ts" }],
  ["help", { type: "boolean", alias: "h", describe: "show help" }],
];

/** Returns the script by which a shell completes the command line; it starts no process. */
function completionScript(shell: Shell, declarations: readonly Declaration[]): string {
  return { bash, zsh, fish }[shell](declarations.map(completedCommand));
}

/** Returns a command as shells complete it, "" for the one without a name. */
const completedCommand = (declaration: Declaration) => ({
  name: declaration.command.split(" ")[0].replace("$0", ""),
  describe: declaration.describe,
  options: [...offeredOptions(declaration), ...EVERYWHERE].map(completedOption),
});

type CompletedCommand = ReturnType<typeof completedCommand>;

/** Returns an option as shells complete it: without `values`, any value is allowed. */
function completedOption([name, option]: [string, CliOption]) {
  const { alias, describe = "", type, choices: values = [] } = option;
  const short = alias?.length === 1 ? alias : null;
  const about = describe.split("  [default: ")[0];
  return { long: dashed(name), short, about, takesValue: type !== "boolean", values };
}

type CompletedOption = ReturnType<typeof completedOption>;

const words = ({ long, short }: CompletedOption) => [`--${long}`, ...(short ? [`-${short}`] : [])];

/** The cases of one of bash's or zsh's case commands. */
const pattern = (name: string) => (name === "" ? "*" : name);

/** The command without a name last: its pattern takes all others. */
const nameless = (commands: readonly CompletedCommand[]) =>
  [...commands].sort((a, b) => Number(a.name === "") - Number(b.name === ""));

function bash(commands: readonly CompletedCommand[]): string {
  const names = commands.map(({ name }) => name).filter(Boolean);
  const options = nameless(commands).map(
    ({ name, options }) => `    ${pattern(name)}) options="${options.flatMap(words).join(" ")}" ;;`,
  );
  const values = nameless(commands).flatMap(({ name, options }) =>
    options
      .filter((option) => option.values.length > 0)
      .map(
        (option) =>
          `    ${words(option)
            .map((word) => (name === "" ? `*" ${word}"` : `"${name} ${word}"`))
            .join("|")}) values="${option.values.join(" ")}" ;;`,
      ),
  );
  return `# Completion of laurelize for bash: eval "$(laurelize completion bash)"
_laurelize() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local command="" options="" values="" word
  if [[ $current == "=" ]]; then current=""
  elif [[ $previous == "=" ]]; then previous="\${COMP_WORDS[COMP_CWORD-2]}"; fi
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in ${names.join("|")}) command="$word"; break ;; esac
  done
  case "$command" in
${options.join("\n")}
  esac
  case "$command $previous" in
${values.join("\n")}
  esac
  if [[ -n $values ]]; then COMPREPLY=($(compgen -W "$values" -- "$current"))
  elif [[ $current == -* ]]; then COMPREPLY=($(compgen -W "$options" -- "$current"))
  else
    local IFS=$'\\n'
    COMPREPLY=($(compgen -f -- "$current"))
    if (( COMP_CWORD == 1 )); then COMPREPLY+=($(IFS=" "; compgen -W "${names.join(" ")}" -- "$current")); fi
  fi
}
complete -o filenames -F _laurelize laurelize
`;
}

function zsh(commands: readonly CompletedCommand[]): string {
  const escaped = (text: string) => text.replace(/[[\]:\\]/g, "\\$&");
  const spec = (option: CompletedOption) => {
    const { about, takesValue, values } = option;
    const value = !takesValue
      ? ""
      : values.length > 0
        ? `:value:(${values.join(" ")})`
        : ":value:_files";
    return words(option).map((word) => shellQuoted(`*${word}[${escaped(about)}]${value}`));
  };
  const cases = nameless(commands).map(
    ({ name, options }) =>
      `    ${pattern(name)}) _arguments -S ${shellQuoted("*:file:_files")} ${options.flatMap(spec).join(" ")} ;;`,
  );
  const list = commands
    .filter(({ name }) => name !== "")
    .map(({ name, describe }) => shellQuoted(`${name}:${escaped(describe)}`));
  return `#compdef laurelize
# Completion of laurelize for zsh: source <(laurelize completion zsh)
_laurelize() {
  local -a commands=(${list.join(" ")})
  if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then
    _describe command commands
    _files
    return
  fi
  case "$words[2]" in
${cases.join("\n")}
  esac
}
if [[ $funcstack[1] == _laurelize ]]; then _laurelize "$@"; else compdef _laurelize laurelize; fi
`;
}

function fish(commands: readonly CompletedCommand[]): string {
  const quoted = (text: string) => `'${text.replace(/['\\]/g, "\\$&")}'`;
  const names = commands.map(({ name }) => name).filter(Boolean);
  const lines = commands.flatMap(({ name, describe, options }) => {
    const when = quoted(
      name === ""
        ? `not __fish_seen_subcommand_from ${names.join(" ")}`
        : `__fish_seen_subcommand_from ${name}`,
    );
    const own = options.map(({ long, short, about, takesValue, values }) =>
      [
        `complete -c laurelize -n ${when} -l ${long}`,
        ...(short ? [`-s ${short}`] : []),
        ...(takesValue ? ["-r"] : []),
        ...(values.length > 0 ? [`-f -a ${quoted(values.join(" "))}`] : []),
        `-d ${quoted(about)}`,
      ].join(" "),
    );
    const command = `complete -c laurelize -n __fish_use_subcommand -a ${name} -d ${quoted(describe)}`;
    return name === "" ? own : [command, ...own];
  });
  return `# Completion of laurelize for fish: laurelize completion fish > ~/.config/fish/completions/laurelize.fish
${lines.join("\n")}
`;
}

/** Prints the completion script of a shell; by default of that which the user has. */
export function printCompletion(
  { shell: given }: CompletionArguments,
  declarations: readonly Declaration[],
): void {
  const wanted = given ?? path.basename(process.env.SHELL ?? "");
  const shell = SHELLS.find((name) => name === wanted);
  if (shell === undefined)
    throw new UsageError(
      `completion is for ${SHELLS.slice(0, -1).join(", ")} and ${SHELLS.at(-1)}${given === undefined ? "; name one of them" : ` (got ${given})`}.`,
    );
  process.stdout.write(completionScript(shell, declarations));
}
