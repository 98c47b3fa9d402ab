import type { Argv, CommandModule } from "yargs";
import { allowed } from "../../src/option-values.ts";
import { dashed, type GivenOptions, type Option } from "../../src/options.ts";
import { helpWidth } from "../help.ts";
import { type CliOption, type Declaration, declared, flags, offeredOptions } from "./command.ts";

/** Returns what the exit codes of a command mean. */
function exitCodesOf({ exitCodes, written, isHere }: Declaration): string {
  const meanings = {
    0: "done",
    2: "wrong usage or unreadable input",
    ...(isHere ? {} : { 4: "onnxruntime crashed or took too long" }),
    130: "interrupted",
    ...exitCodes,
  };
  const list = Object.entries(meanings).map(([code, meaning]) => `${code} ${meaning}`);
  return `Exit codes: ${list.join(", ")}.${written ? ` ${written}` : ""}`;
}

/** Returns examples as a shell takes them, each below what it does. */
const exampleLines = (examples: NonNullable<Declaration["examples"]>): string[] =>
  examples.length === 0
    ? []
    : ["Examples:", ...examples.map(([line, purpose]) => `# ${purpose}\n${folded(line)}\n`)];

/** Returns a command line in lines that a help text has room for, broken in front of options. */
function folded(line: string): string {
  const parts = line.replace("$0", "laurelize").split(/ (?=-)/);
  return parts.reduce((text, part) => {
    const { length } = text.slice(text.lastIndexOf("\n") + 1);
    return `${text}${length + part.length + 4 > helpWidth() ? " \\\n" : " "}${part}`;
  });
}

/** Returns a command as a module of yargs; `run` runs it, with those of a recipe's options that it takes. */
export function moduleOf(
  declaration: Declaration,
  recipe: GivenOptions,
  run: (args: object) => Promise<void>,
): CommandModule {
  const { command, describe, positionals = {}, examples = [] } = declaration;
  return {
    command,
    describe,
    builder: (yargs: Argv) => {
      for (const [name, describe] of Object.entries(positionals))
        yargs.positional(name, {
          type: "string",
          demandOption: command.includes(`<${name}`),
          // yargs shows [] for several.
          default: undefined,
          describe,
        });
      yargs.options(withValues(declaration));
      const own = Object.entries(recipe).filter(
        ([name, value]) => declared.has(name) && value !== undefined && value !== null,
      );
      yargs.config(Object.fromEntries(own.map(([name, value]) => [dashed(name), value])));
      return yargs.epilogue([...exampleLines(examples), exitCodesOf(declaration)].join("\n"));
    },
    handler: run,
  };
}

/**
 * Returns the options of a command as yargs takes them. An option that is not a switch is refused
 * without a value, unless its declaration allows that. Defaults are shown here and filled in later,
 * so that `given` lists only what the user gave.
 */
function withValues(declaration: Declaration): Parameters<Argv["options"]>[0] {
  declared.clear();
  flags.clear();
  for (const [name, { flags: isFlags, choices }] of Object.entries(declaration.options))
    if (isFlags && choices) flags.set(name, choices);
  const offered = offeredOptions(declaration).map(([name, option]) => {
    declared.set(name, option);
    const { default: value, idle, range, length, nullable, flags, words, ...rest } = option;
    const isPlain = value === undefined || value === false;
    const shown = isPlain ? {} : { defaultDescription: described(value) };
    const each = option.array ? { nargs: length ?? 1 } : {};
    const needed = option.type === "boolean" ? {} : { requiresArg: true };
    const listed = isList(option) ? { type: "string", coerce: numbersOr(words) } : {};
    const describe = explained(option);
    return [dashed(name), { ...needed, ...each, ...shown, ...rest, describe, ...listed }];
  });
  return Object.fromEntries(offered);
}

/** Returns an option's sentence with what its type does not show: its range, and whether it can be repeated. */
function explained(option: CliOption): string {
  const { describe = "", type, array, length, range } = option;
  const [text, ...byDefault] = describe.split("  [default: ");
  const more = [
    ...(range ? [allowed(option as Option)] : []),
    ...(array && type === "string" && length === undefined ? ["may be repeated"] : []),
  ];
  return [[text, ...more].join("; "), ...byDefault].join("  [default: ");
}

/** Whether an option is a list of numbers of any length, which is written 1,2,0.5. */
const isList = ({ type, array, length }: CliOption) =>
  type === "number" && array === true && length === undefined;

/** Reads a list of numbers, or a word that stands in its place; a recipe holds numbers already. */
const numbersOr =
  (words: readonly string[] = []) =>
  (given: readonly (string | number)[] | string | undefined) => {
    if (given === undefined) return undefined;
    const parts = [given].flat().map(String);
    return parts.length === 1 && words.includes(parts[0]) ? parts[0] : parts.flatMap(numbersIn);
  };

const numbersIn = (text: string) =>
  text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));

const described = (value: unknown) =>
  Array.isArray(value) ? value.join(" ") : JSON.stringify(value);
