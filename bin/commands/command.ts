import type { ValueOf } from "../../src/option-values.ts";
import type { Option } from "../../src/options.ts";

/** An option of the command line: one of the API, or one that only yargs reads. */
export type CliOption = Omit<Option, "idle" | "default"> & {
  readonly default?: unknown;
  readonly idle?: Option["idle"] | undefined;
  readonly demandOption?: true;
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
  readonly positionals?: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, CliOption>>;
  readonly examples?: readonly (readonly [line: string, purpose: string])[];
  /** What exit codes mean that only it has, or for which it has a meaning of its own. */
  readonly exitCodes?: Readonly<Record<number, string>>;
  /** What is written with which exit code, a sentence. */
  readonly written?: string;
  /** Whether it runs in this process: it does not run onnxruntime, or has it under control. */
  readonly isHere?: true;
}

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
  [N in keyof D["options"]]: D["options"][N] extends
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

/** The options of the command that is run, by their names in code. */
export const declared = new Map<string, CliOption>();

/** The choices of options that are offered as flags, by the option's name in code. */
export const flags = new Map<string, readonly string[]>();

/** Returns the options of a command by name. One that is offered as flags has one for each choice. */
export const offeredOptions = ({ options }: Declaration): [name: string, CliOption][] =>
  Object.entries(options).flatMap(([name, option]): [string, CliOption][] => {
    const { flags: isFlags, choices, describe = "", idle } = option;
    if (!isFlags || !choices) return [[name, option]];
    return choices.map((choice) => [
      choice,
      { type: "boolean", default: false, describe: describe.replace("%s", choice), idle },
    ]);
  });

/** Returns "perChannel" for "per-channel". */
export const camelCased = (name: string) =>
  name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
