import type { Argv, CommandModule } from "yargs";
import { allowed, type ValueOf } from "../../src/option-values.ts";
import { dashed, type Option } from "../../src/options.ts";
import { helpWidth } from "../help.ts";

/** An option of the command line: one of the API, or one that only yargs reads. */
export type CliOption = Omit<Option, "idle" | "default"> & {
  readonly default?: unknown;
  readonly idle?: Option["idle"] | undefined;
  /** The command does not run without it. */
  readonly demandOption?: true;
  /** Number of words that each use of the option takes. */
  readonly nargs?: number;
  /** False for an option that may stand without a value. */
  readonly requiresArg?: false;
  /** Reads what stands on the command line. */
  readonly coerce?: (given: never) => unknown;
};

/** Declares a switch that is off by default. */
export const flag = (describe: string) => ({ type: "boolean", default: false, describe }) as const;

/** Declares an option that takes a text. */
export const text = (describe: string) => ({ type: "string", describe }) as const;

/** A command: its help text and the options that it takes. */
export interface Declaration {
  /** The command and its positional arguments, as yargs takes them: "fold <model..>". */
  readonly command: string;
  readonly describe: string;
  /** A sentence for each positional argument. */
  readonly positionals?: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, CliOption>>;
  readonly examples?: readonly (readonly [line: string, purpose: string])[];
  /** What its exit codes mean, if it has a meaning of its own for one. */
  readonly epilogue?: string;
  /** Whether it runs in this process: it does not run onnxruntime, or has it under control. */
  readonly isHere?: true;
}

type Camel<S> = S extends `${infer A}-${infer B}` ? `${A}${Capitalize<Camel<B>>}` : S;

type Value<O> = O extends { readonly choices: unknown }
  ? ValueOf<O>
  : O extends { readonly coerce: (given: never) => infer V }
    ? V
    : O extends { readonly requiresArg: false }
      ? string | boolean
      : ValueOf<O> extends readonly (infer Each)[]
        ? Each[]
        : ValueOf<O>;

/** The arguments that a command runs with, for one model if it takes several. */
export type ArgumentsFor<D extends Declaration> = {
  [N in keyof D["options"] as Camel<N>]: D["options"][N] extends
    | { readonly default: unknown }
    | { readonly demandOption: true }
    ? Value<D["options"][N]>
    : Value<D["options"][N]> | undefined;
} & {
  [P in keyof D["positionals"]]: D["command"] extends `${string}<adapters..>` ? string[] : string;
} & {
  /** The command line, without the program's name. */
  words: string[];
};

/** Declares a command. */
export const command = <const D extends Declaration>(declaration: D): D => declaration;

const EXIT_CODES =
  "Exit codes: 0 done, 1 a check failed, 2 wrong usage or unreadable input, 3 no residual site, 4 a check could not run, 130 interrupted. Results are written only with 0.";
const EXIT_CODES_HERE = "Exit codes: 0 done, 2 wrong usage or unreadable input, 130 interrupted.";

/** Returns examples as a shell takes them, each below what it does. */
const written = (examples: NonNullable<Declaration["examples"]>): string[] =>
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

/** Returns a command as a module of yargs; `run` runs it. */
export function moduleOf(
  {
    command,
    describe,
    positionals = {},
    options,
    examples = [],
    isHere,
    epilogue = isHere ? EXIT_CODES_HERE : EXIT_CODES,
  }: Declaration,
  run: (args: object) => Promise<void>,
): CommandModule {
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
      yargs.options(withValues(options));
      return yargs.epilogue([...written(examples), epilogue].join("\n"));
    },
    handler: run,
  };
}

/** The options of the command that is run, by their names in code. */
export const declared = new Map<string, CliOption>();

/** The choices of options that are offered as one flag for each choice, by the option's name in code. */
export const flags = new Map<string, readonly string[]>();

/** Returns "perChannel" for "per-channel". */
export const camelCased = (name: string) =>
  name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());

/**
 * Returns the options of a command as yargs takes them. An option that is not a switch is refused
 * without a value, unless its declaration allows that. Defaults are shown here and filled in later,
 * so that `given` lists only what the user gave.
 */
function withValues(options: Declaration["options"]): Parameters<Argv["options"]>[0] {
  declared.clear();
  flags.clear();
  const offered = Object.entries(options)
    .flatMap(flagsOf)
    .map(([name, option]) => {
      declared.set(camelCased(name), option);
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

/** A flag for each choice of an option that is offered so; other options as they are. */
function flagsOf([name, option]: [string, CliOption]): [string, CliOption][] {
  const { flags: isFlags, choices, describe = "", idle } = option;
  if (!isFlags || !choices) return [[name, option]];
  flags.set(camelCased(name), choices);
  return choices.map((choice) => [
    choice,
    { type: "boolean", default: false, describe: describe.replace("%s", choice), idle },
  ]);
}
