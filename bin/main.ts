import fs from "node:fs";
import type { Argv, CommandModule } from "yargs";
import yargs from "yargs";
import { nearest } from "../src/nearest.ts";
import { dashed, type GivenOptions } from "../src/options.ts";
import { VERSION } from "../src/version.ts";
import { camelCased, declared } from "./commands/command.ts";
import { commandIn, commandNames, modulesOf } from "./commands/index.ts";
import { printFailure, UsageError } from "./failure.ts";
import { withFileLists } from "./file-lists.ts";
import { DASH, heed } from "./heed.ts";
import { helpWidth } from "./help.ts";
import { answerAs, answerOf, wordsBeforeFiles } from "./json.ts";
import { loadConfig } from "./load-config.ts";
import { recipeName, recipeOf } from "./recipes.ts";
import type { Start } from "./supervise.ts";
import { asOption, asSentence, WORDS } from "./words.ts";

/**
 * Runs one command line, without the program's name; `start` runs the commands that run
 * onnxruntime. Prints what fails and sets the exit code.
 */
export async function main(words: readonly string[], start: Start): Promise<void> {
  answerAs(answerOf(words));
  try {
    const name = recipeName(words);
    const recipe = name === null ? {} : recipeOf(await loadConfig(process.cwd()), name);
    const parser = parserOf(words, modulesOf(start, recipe), recipe);
    if (words.length > 0) await parser.parseAsync();
    else parser.showHelp((help) => process.stdout.write(`${help}\n`));
  } catch (error) {
    printFailure(error, commandIn(words[0]));
  }
}

function parserOf(
  words: readonly string[],
  modules: readonly CommandModule[],
  recipe: GivenOptions,
): Argv {
  const parser: Argv = yargs(withFileLists(withoutSeparator(words)))
    .scriptName("laurelize")
    .detectLocale(false)
    .updateStrings(WORDS)
    .version(VERSION)
    .exitProcess(false)
    .alias({ h: "help" })
    .option("recipe", {
      type: "string",
      requiresArg: true,
      describe: "take options from a recipe in laurelize.config.ts (.js, .json) or package.json",
    })
    .middleware((given) => checkWords(given, words, parser), true)
    // yargs does not list the positional of the command without a name.
    .check((given) => checkValues(given, ["model", ...optionsOf(parser).array]))
    .check(() => checkOnce(words, optionsOf(parser)))
    .middleware((given) => {
      given.words = [...words];
      if (given.json && answerOf(words) === "text") answerAs("json");
    })
    .middleware((given) => heed(given, recipe))
    .wrap(helpWidth() - 1)
    .fail((message, error) => {
      if (error && error.name !== "YError") throw error;
      const { argv } = (parser as unknown as { parsed: { argv: Record<string, unknown> } }).parsed;
      checkOptions(argv, words, known(parser));
      throw new UsageError(asSentence(message ?? error.message));
    });
  for (const module of modules) parser.command(module);
  layOutHelp(parser);
  return parser;
}

/** Returns words as yargs keeps them: a lone dash and what follows "--" are paths from here. */
function withoutSeparator(words: readonly string[]): string[] {
  const options = wordsBeforeFiles(words);
  return [
    ...options.map((word) => (word === "-" ? DASH : word)),
    ...words.slice(options.length + 1).map((word) => (word.startsWith("-") ? `./${word}` : word)),
  ];
}

/** Throws a UsageError if an option that takes one value has two, or if a number is missing. */
function checkValues(given: GivenOptions, lists: readonly string[]): true {
  const twice = Object.keys(given).find(
    (key) => Array.isArray(given[key]) && key !== "_" && !lists.includes(dashed(key)),
  );
  if (twice !== undefined) throw new UsageError(`${asOption(twice)} is given twice; give it once.`);
  const not = Object.keys(given).find((key) => [given[key]].flat().some(Number.isNaN));
  const { words = [] } = (not !== undefined && declared.get(camelCased(not))) || {};
  if (not !== undefined)
    throw new UsageError(`${asOption(not)} takes ${[...words, "a number"].join(" or ")}.`);
  return true;
}

/** Throws a UsageError if a number is given twice: yargs adds a second one that is 1 to the first. */
function checkOnce(words: readonly string[], { number, alias }: YargsOptions): true {
  for (const name of number) {
    const spellings = [name, ...(alias[name] ?? [])].map((each) =>
      each.length === 1 ? new RegExp(`^-${each}=?[\\d.]*$`) : new RegExp(`^--${dashed(each)}(=|$)`),
    );
    const given = words.filter((word) => spellings.some((spelling) => spelling.test(word)));
    if (given.length > 1) throw new UsageError(`${asOption(name)} is given twice; give it once.`);
  }
  return true;
}

/**
 * Lays out the help when it is shown, with its types apart. yargs does so before it runs a command,
 * in case that fails, which takes longer than many a command; failures here do not show it.
 */
function layOutHelp(parser: Argv): void {
  const usage = (parser as unknown as YargsInternals).getInternalMethods().getUsageInstance();
  const { help } = usage;
  usage.help = () => spaced(help());
  usage.cacheHelpMessage = () => {};
}

interface YargsInternals {
  getInternalMethods(): {
    getUsageInstance(): { cacheHelpMessage: () => void; help: () => string };
  };
}

/** Puts a space before a type at the right edge, where yargs may leave none: "an integer[number]". */
const spaced = (help: string) =>
  help.replace(/(?<=\S)(?=\[(?:string|number|boolean|array|required|choices)\b)/g, " ");

/** Options as yargs keeps them. */
interface YargsOptions {
  readonly array: readonly string[];
  readonly number: readonly string[];
  readonly key: object;
  readonly alias: Readonly<Record<string, readonly string[]>>;
}

/** The options of the command that is run. */
const optionsOf = (parser: Argv) =>
  (parser as unknown as { getOptions(): YargsOptions }).getOptions();

function known(parser: Argv): ReadonlySet<string> {
  const { key, alias } = optionsOf(parser);
  return new Set([...Object.keys(key), ...Object.entries(alias).flat(2)]);
}

/** What other tools call options, and their names here. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  device: "provider",
  gpu: "provider",
  cuda: "provider",
  "learning-rate": "lr",
  out: "output",
  "out-file": "output",
  proof: "prove",
};

/**
 * Returns what remains of a command line beside its command and options. Throws a UsageError if a
 * command is mistyped or misplaced.
 */
function extraOf(args: GivenOptions): string[] {
  const commands = commandNames.filter((name) => commandIn(name) !== "");
  const { _: plain } = args as { _: readonly (string | number)[] };
  const [model, later] = [args.model].flat() as (string | undefined)[];
  const extra = plain.map(String).slice(commands.includes(String(plain[0])) ? 1 : 0);
  const isAlone = model !== undefined && plain.length === extra.length;
  const command = isAlone ? nearest(model, commands) : undefined;
  if (command !== undefined && !fs.existsSync(model!))
    throw new UsageError(`${model} is neither a file nor a command; did you mean ${command}?`);
  if (later !== undefined && commands.includes(later) && !fs.existsSync(later))
    throw new UsageError(
      `${later} is a command; write it before the model: laurelize ${later} ${model}.`,
    );
  return extra;
}

/** Throws a UsageError for the first option or word that is not understood. */
function checkWords(given: GivenOptions, words: readonly string[], parser: Argv): void {
  const extra = extraOf(given);
  checkOptions(given, words, known(parser));
  if (extra.length > 0)
    throw new UsageError(
      `${extra.join(", ")} ${extra.length === 1 ? "is" : "are"} not understood; is it, or a command before it, mistyped or one too many?`,
    );
}

/** Throws a UsageError for the first option that is not understood, and suggests what was meant. */
function checkOptions(
  args: GivenOptions,
  words: readonly string[],
  options: ReadonlySet<string>,
): void {
  for (const key of Object.keys(args)) {
    const name = dashed(key);
    if (key === "_" || key === "$0" || options.has(key) || options.has(name)) continue;
    const file = words.find((word) => word[0] === "-" && fs.existsSync(word));
    if (file !== undefined)
      throw new UsageError(`${file} looks like options; write the file as ./${file}.`);
    const meant = ELSEWHERE[name];
    const long = [...options].filter((option) => option.length > 1);
    const near = meant !== undefined && options.has(meant) ? meant : nearest(name, long);
    // yargs makes shuffle: false of --no-shuffle.
    const typed = asOption(args[key] === false ? `no-${name}` : name);
    throw new UsageError(
      `${typed} is not understood; ${near === undefined ? "is it mistyped?" : `did you mean --${near}?`}`,
    );
  }
}
