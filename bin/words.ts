import { nearest } from "../src/nearest.ts";
import { camelCased, declared } from "./commands/command.ts";

/** What is wrong with a command line, in this tool's words; the keys are yargs' own. */
export const WORDS = {
  "Not enough non-option arguments: got %s, need at least %s": {
    one: "a file is missing (%s of %s given)",
    other: "a file is missing (%s of %s given)",
  },
  "Not enough arguments following: %s": "%s takes a value",
  "Positionals:": "Arguments:",
  "Show help": "print this help",
  "Show version number": "print the version",
  "Missing required argument: %s": { one: "%s must be given", other: "%s must be given" },
} as unknown as Record<string, string>;

/** Returns an option as it is written: "--rank", "-r". */
export const asOption = (name: string): string => `${name.length > 1 ? "--" : "-"}${name}`;

/** Returns yargs' message as one sentence that names options as they are written. */
export function asSentence(message: string): string {
  const choice = /Argument: (\S+), Given: (?:"(.*?)"|false), Choices: (.*)/s.exec(message);
  if (choice) {
    const [, name, given, list] = choice;
    // yargs makes prove: ["full", false] of --prove full --no-prove.
    if (given === undefined)
      return `--${name} and --no-${name} contradict each other; give one of them.`;
    return notAChoice(asOption(name), given, list.match(/[^",\s]+/g) ?? []);
  }
  const sentence = message
    .replace(/\s*\n\s*/g, " ")
    .replace(/^(\S+) takes a value/, (_, name) => `${asOption(name)} takes ${valuesOf(name)}`)
    .replace(/^(.+)(?= must be given)/, (names) => names.split(", ").map(asOption).join(" and "));
  return /[.?]$/.test(sentence) ? sentence : `${sentence}.`;
}

const valuesOf = (name: string) => {
  const { length, default: usual } = declared.get(camelCased(name)) ?? {};
  return length === undefined
    ? "a value"
    : `${length} values: --${name} ${[usual].flat().join(" ")}`;
};

/** Says what an option can be, and what was probably meant. */
export function notAChoice(option: string, given: string, choices: readonly string[]): string {
  const near = nearest(given, choices);
  const guess = near === undefined ? "" : `; did you mean ${near}?`;
  return `${option} cannot be ${given}: it is one of ${choices.join(", ")}${guess || "."}`;
}
