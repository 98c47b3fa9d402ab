import fs from "node:fs";
import { nearest } from "../src/nearest.ts";
import { dashed } from "../src/options.ts";
import { UsageError } from "./failure.ts";

/** What yargs knows of the command that is run. */
interface Known {
  /** Names of all commands. */
  readonly commands: readonly string[];
  /** Names of all options and positionals, aliases among them. */
  readonly options: ReadonlySet<string>;
}

/**
 * Refuses what a command line has too many of. Throws a UsageError that suggests the command or
 * option which was probably meant.
 */
export function checkUnderstood(args: Record<string, unknown>, known: Known): void {
  const { _: words } = args as { _: readonly (string | number)[] };
  const [model] = [args.model].flat();
  const extra = words.map(String).slice(known.commands.includes(String(words[0])) ? 1 : 0);
  const [command] =
    typeof model === "string" && words.length === extra.length
      ? nearest(model, known.commands)
      : [];
  if (command !== undefined && !fs.existsSync(model as string))
    throw new UsageError(`${model} is neither a file nor a command; did you mean ${command}?`);
  for (const key of Object.keys(args)) {
    const name = dashed(key);
    if (key === "_" || key === "$0" || known.options.has(key) || known.options.has(name)) continue;
    const dashes = name.length > 1 ? "--" : "-";
    const [near] = nearest(
      name,
      [...known.options].filter((each) => each.length > 1),
    );
    throw new UsageError(
      `${dashes}${name} is not understood; ${near === undefined ? "is it mistyped?" : `did you mean --${near}?`}`,
    );
  }
  if (extra.length > 0)
    throw new UsageError(
      `${extra.join(", ")} ${extra.length === 1 ? "is" : "are"} not understood; is it, or a command before it, mistyped or one too many?`,
    );
}
