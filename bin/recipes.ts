import type { Argv, CommandModule } from "yargs";
import { suggestion } from "../src/nearest.ts";
import { checkOptions, dashed, type Options } from "../src/options.ts";
import { camelCased, declared } from "./commands/command.ts";
import { UsageError } from "./failure.ts";
import type { LoadedConfig } from "./load-config.ts";
import { registeredCommands } from "./registry.ts";
import { notAChoice } from "./words.ts";

/** Options that a recipe sets, by their names in code. */
export type RecipeValues = Readonly<Record<string, unknown>>;

/** Returns the recipe that a command line names; null if it names none. */
export function recipeName(words: readonly string[]): string | null {
  const end = words.indexOf("--");
  const options = end < 0 ? words : words.slice(0, end);
  const at = options.findIndex((word) => word === "--recipe" || word.startsWith("--recipe="));
  if (at < 0) return null;
  const [, named] = /^--recipe=(.*)$/.exec(options[at]) ?? [];
  const next = options[at + 1];
  return named ?? (next === undefined || next.startsWith("-") ? null : next);
}

/**
 * Returns a recipe of a configuration. Throws a UsageError if there is no such recipe, if one of
 * its keys is no option of any command, or if a value has the wrong type.
 */
export function recipeOf(
  { name: file, content }: LoadedConfig,
  name: string,
  modules: readonly CommandModule[],
): RecipeValues {
  const recipes = recipesOf(file, content);
  if (!Object.hasOwn(recipes, name)) {
    const names = Object.keys(recipes);
    const others = `it has ${names.join(", ") || "none"}`;
    throw new UsageError(`${file} has no recipe ${name}; ${suggestion(name, names, others)}`);
  }
  const options = optionsOfAll(modules);
  const given = recipes[name];
  const values = isPlain(given)
    ? Object.fromEntries(
        Object.entries(given).map(([key, value]) => {
          const known = camelCased(key);
          return [known, asTyped(value, options[known])];
        }),
      )
    : given;
  try {
    checkOptions(`recipe ${name} of ${file}`, values, options);
    checkChoices(`of recipe ${name} of ${file}`, values as RecipeValues, options);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  return values as RecipeValues;
}

/** Throws an error if the value of an option is not one of its choices. */
function checkChoices(of: string, values: RecipeValues, options: Options): void {
  for (const [name, value] of Object.entries(values)) {
    const { choices } = options[name];
    const other = [value]
      .flat()
      .find((each) => typeof each === "string" && !choices?.includes(each));
    if (choices && other !== undefined)
      throw new TypeError(notAChoice(`option ${name} ${of}`, String(other), choices));
  }
}

/** Returns a value as the command line would give it: one of a list as a list, a number as text. */
function asTyped(value: unknown, option: Options[string] | undefined): unknown {
  const isText = option?.type === "string" && typeof value === "number";
  const typed = isText ? String(value) : value;
  const isWord = option?.words?.includes(value as string) === true;
  const isOne = option?.array === true && !isWord && !Array.isArray(value) && value !== undefined;
  return isOne ? [typed] : typed;
}

const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function recipesOf(file: string, content: unknown): RecipeValues {
  const recipes = isPlain(content) ? content.recipes : undefined;
  const [other] = isPlain(content) ? Object.keys(content).filter((key) => key !== "recipes") : [];
  if (!isPlain(recipes) || other !== undefined)
    throw new UsageError(
      `${file} must hold { recipes: { NAME: options } } and nothing else${other === undefined ? "" : ` (it has ${other})`}.`,
    );
  return recipes;
}

/** Returns the options of all commands, by name. */
const optionsOfAll = (modules: readonly CommandModule[]): Options =>
  Object.assign(
    {},
    ...registeredCommands(modules)
      .reverse()
      .map(({ options }) => options),
  );

/** Returns a command that takes a recipe's options where the command line does not give its own. */
export const withRecipe = (module: CommandModule, recipe: RecipeValues | null): CommandModule =>
  recipe === null || typeof module.builder !== "function"
    ? module
    : {
        ...module,
        builder: (parser) => {
          const built = (module.builder as (parser: Argv) => Argv)(parser);
          const own = Object.entries(recipe).filter(
            ([name, value]) => declared.has(name) && value !== undefined && value !== null,
          );
          return built.config(
            Object.fromEntries(own.map(([name, value]) => [dashed(name), value])),
          );
        },
      };
