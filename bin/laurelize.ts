#!/usr/bin/env node
import yargs, { type CommandModule } from "yargs";
import { VERSION } from "../src/version.ts";
import { apply } from "./commands/apply.ts";
import { compare } from "./commands/compare.ts";
import { extract } from "./commands/extract.ts";
import { finetune } from "./commands/finetune.ts";
import { inspect } from "./commands/inspect.ts";
import { laurelize } from "./commands/laurelize.ts";
import { strip } from "./commands/strip.ts";
import { printFailure, UsageError } from "./failure.ts";
import { withFileLists } from "./file-lists.ts";
import { heed } from "./heed.ts";
import { checkUnderstood } from "./mistyped.ts";
import { turnOffTelemetry } from "./no-telemetry.ts";
import { WORDS } from "./words.ts";

turnOffTelemetry();

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

const commands = [laurelize, inspect, compare, strip, finetune, extract, apply];

const parser = yargs(withFileLists(process.argv.slice(2)))
  .scriptName("laurelize")
  .updateStrings(WORDS)
  .version(VERSION)
  .alias({ h: "help" })
  .middleware((given) => checkUnderstood(given, { commands: names, options: known() }), true)
  .check((given) => {
    const { array } = options();
    const twice = Object.keys(given).find(
      (key) => Array.isArray(given[key]) && key !== "_" && !array.includes(key),
    );
    if (twice !== undefined) throw new UsageError(`${option(twice)} is given twice.`);
    const not = Object.keys(given).find((key) => [given[key]].flat().some(Number.isNaN));
    if (not !== undefined) throw new UsageError(`${option(not)} takes a number.`);
    return true;
  })
  .middleware(heed)
  .wrap(Math.min(100, process.stdout.columns ?? 100))
  .epilogue(
    "Exit codes: 0 done, 1 a check failed or a training diverged, 2 bad usage or unreadable model or data, 3 no residual site, 4 a check could not run, 130 a training was interrupted (nothing is written but with 0; finetune writes the best so far with 1 and 130).",
  )
  .fail((message, error) => {
    throw error ?? new UsageError(message.replace(/\s*\n\s*/g, " "));
  });
for (const command of commands) parser.command(command as CommandModule);

const names = commands.map(({ command }) => String(command).split(" ")[0]);

const option = (name: string) => `${name.length > 1 ? "--" : "-"}${name}`;

/** The options of the command that is run, as yargs keeps them. */
const options = () =>
  (
    parser as unknown as {
      getOptions(): {
        readonly array: readonly string[];
        readonly key: object;
        readonly alias: Readonly<Record<string, readonly string[]>>;
      };
    }
  ).getOptions();

function known(): ReadonlySet<string> {
  const { key, alias } = options();
  return new Set([...Object.keys(key), ...Object.entries(alias).flat(2)]);
}

try {
  if (process.argv.length > 2) await parser.parseAsync();
  else parser.showHelp((help) => process.stdout.write(`${help}\n`));
} catch (error) {
  printFailure(error);
}
