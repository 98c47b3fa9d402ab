import fs from "node:fs";
import path from "node:path";
import { checkValues } from "../src/option-values.ts";
import { dashed, idleOptions, type Options } from "../src/options.ts";
import { declared, flags } from "./commands/command.ts";
import { UsageError } from "./failure.ts";
import { printNote } from "./print.ts";

/** What a command line says, by name. */
type Arguments = Record<string, unknown>;

/**
 * Prepares a command's arguments: reports options that have no effect, except those of the recipe,
 * which may be for other commands; then records which were `given` and fills in defaults. Throws a
 * UsageError if a file argument is invalid.
 */
export function heed(args: Arguments, recipe: Readonly<Arguments>): void {
  const options = Object.fromEntries(declared) as Options;
  checkPlaces(args);
  for (const [name, why] of idleOptions(args, options)) {
    if (!args.quiet && !Object.hasOwn(recipe, name))
      printNote("warning", `--${dashed(name)} has no effect: ${why}.`);
  }
  checkValues(args, options, (name) => `--${dashed(name)}`);
  chooseByFlags(args);
  args.given = [...declared.keys()].filter((name) => args[name] !== undefined);
  for (const [name, option] of declared) args[name] ??= option.default;
}

/** Sets options that are offered as flags. Throws a UsageError if two of an option's flags are given. */
function chooseByFlags(args: Arguments): void {
  for (const [name, choices] of flags) {
    const given = choices.filter((choice) => args[choice]);
    if (given.length > 1)
      throw new UsageError(
        `${given.map((choice) => `--${choice}`).join(" and ")} contradict each other; give one of them.`,
      );
    [args[name]] = given;
  }
}

/** Replaces a lone dash, which yargs would lose. */
export const DASH = "./-";

/** Names of arguments that are files to be read. */
export const READ = ["model", "a", "b", "adapter", "data", "eval", "inputs", "teacher"];

function checkPlaces(args: Arguments): void {
  for (const name of [...READ, "output", "nodeData"]) {
    const files = [args[name]].flat();
    const option = declared.has(name) ? `--${dashed(name)} ` : "";
    if (files.includes(""))
      throw new UsageError(`${option || "a file "}is given as an empty text; give a path.`);
    if (files.includes(DASH))
      throw new UsageError(
        `${option}- is not a file: models are read and written as files, not through pipes; give a path.`,
      );
  }
  checkFolder(args.output, "-o");
  checkFolder(args.nodeData, "--node-data");
  checkFolder(args.report, "--report");
}

/** Throws a UsageError if the folder of a file that an option names is not there. */
function checkFolder(file: unknown, option: string): void {
  if (typeof file !== "string") return;
  const folder = path.dirname(path.resolve(file));
  if (!fs.existsSync(folder))
    throw new UsageError(
      `${folder} does not exist; create it first, or choose another place with ${option}.`,
    );
  if (!fs.statSync(folder).isDirectory())
    throw new UsageError(`${folder} is not a folder; choose another place with ${option}.`);
}
