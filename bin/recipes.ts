import { suggestion } from "../src/nearest.ts";
import { checkOptions, type GivenOptions, isRecord, type Options } from "../src/options.ts";
import { camelCased, offeredOptions } from "./commands/command.ts";
import { declarations } from "./commands/index.ts";
import { UsageError } from "./failure.ts";
import { wordsBeforeFiles } from "./json.ts";
import type { LoadedConfig } from "./load-config.ts";
import { notAChoice } from "./words.ts";

/** Returns the recipe that a command line names; null if it names none. */
export function recipeName(words: readonly string[]): string | null {
  const options = wordsBeforeFiles(words);
  const at = options.findIndex((word) => /^--recipe(=|$)/.test(word));
  if (at < 0) return null;
  if (options[at] !== "--recipe") return options[at].slice("--recipe=".length);
  const next = options[at + 1];
  return next === undefined || next.startsWith("-") ? null : next;
}

/**
 * Returns a recipe of a configuration. Throws a UsageError if there is no such recipe, if one of
 * its keys is not an option of any command, or if a value has the wrong type.
 */
export function recipeOf({ name: file, content }: LoadedConfig, name: string): GivenOptions {
  const recipes = recipesOf(file, content);
  if (!Object.hasOwn(recipes, name)) {
    const names = Object.keys(recipes);
    const others = `it has ${names.join(", ") || "none"}`;
    throw new UsageError(`${file} has no recipe ${name}; ${suggestion(name, names, others)}`);
  }
  const options = optionsOfAll();
  const given = recipes[name];
  const values = isRecord(given)
    ? Object.fromEntries(
        Object.entries(given).map(([key, value]) => {
          const known = camelCased(key);
          return [known, asTyped(value, options[known])];
        }),
      )
    : given;
  try {
    checkOptions(`recipe ${name} of ${file}`, values, options);
    checkChoices(`of recipe ${name} of ${file}`, values as GivenOptions, options);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  return values as GivenOptions;
}

/** Throws an error if the value of an option is not one of its choices. */
function checkChoices(of: string, values: GivenOptions, options: Options): void {
  for (const [name, value] of Object.entries(values)) {
    const { choices } = options[name];
    const other = [value]
      .flat()
      .find((each) => typeof each === "string" && !choices?.includes(each));
    if (choices && other !== undefined)
      throw new TypeError(notAChoice(`option ${name} ${of}`, String(other), choices));
  }
}

/** Returns a value as the command line gives it: a single one as a list, a number as text. */
function asTyped(value: unknown, option: Options[string] | undefined): unknown {
  const isText = option?.type === "string" && typeof value === "number";
  const typed = isText ? String(value) : value;
  const isWord = option?.words?.includes(value as string) === true;
  const isOne = option?.array === true && !isWord && !Array.isArray(value) && value !== undefined;
  return isOne ? [typed] : typed;
}

function recipesOf(file: string, content: unknown): GivenOptions {
  const recipes = isRecord(content) ? content.recipes : undefined;
  const [other] = isRecord(content) ? Object.keys(content).filter((key) => key !== "recipes") : [];
  if (!isRecord(recipes) || other !== undefined)
    throw new UsageError(
      `${file} must hold { recipes: { NAME: options } } and nothing else${other === undefined ? "" : ` (it has ${other})`}.`,
    );
  return recipes;
}

/** Returns the options of all commands by their names in code; the first of a name counts. */
const optionsOfAll = () =>
  Object.fromEntries(declarations.toReversed().flatMap(offeredOptions)) as Options;
