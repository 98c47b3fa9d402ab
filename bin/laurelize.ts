#!/usr/bin/env node
import yargs from "yargs";
import { VERSION } from "../src/version.ts";
import { apply } from "./commands/apply.ts";
import { extract } from "./commands/extract.ts";
import { finetune } from "./commands/finetune.ts";
import { inspect } from "./commands/inspect.ts";
import { laurelize } from "./commands/laurelize.ts";
import { strip } from "./commands/strip.ts";
import { verify } from "./commands/verify.ts";
import { printFailure, UsageError } from "./failure.ts";
import { turnOffTelemetry } from "./no-telemetry.ts";
import { WORDS } from "./words.ts";

turnOffTelemetry();

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

const parser = yargs(process.argv.slice(2))
  .scriptName("laurelize")
  .command(laurelize)
  .command(inspect)
  .command(verify)
  .command(strip)
  .command(finetune)
  .command(extract)
  .command(apply)
  .updateStrings(WORDS)
  .version(VERSION)
  .alias({ h: "help" })
  .strict()
  .check((given) => {
    const twice = Object.keys(given).find((key) => Array.isArray(given[key]) && !lists().has(key));
    if (twice !== undefined) throw new UsageError(`${dashed(twice)} is given twice.`);
    const not = Object.keys(given).find((key) => [given[key]].flat().some(Number.isNaN));
    if (not !== undefined) throw new UsageError(`${dashed(not)} takes a number.`);
    return true;
  })
  .wrap(Math.min(100, process.stdout.columns ?? 100))
  .epilogue(
    "Exit codes: 0 done, 1 a check failed or a training diverged, 2 bad usage or unreadable model or data, 3 no residual site, 4 a check could not run, 130 a training was interrupted (nothing is written but with 0; finetune writes the best so far with 1 and 130).",
  )
  .fail((message, error) => {
    throw error ?? new UsageError(message.replace(/\s*\n\s*/g, " "));
  });

const dashed = (option: string) => `${option.length > 1 ? "--" : "-"}${option}`;

/** The options that may be given several times, and what stands without a name. */
function lists(): ReadonlySet<string> {
  const { array } = (parser as unknown as { getOptions(): { array: string[] } }).getOptions();
  return new Set(["_", ...array]);
}

try {
  await parser.parseAsync();
} catch (error) {
  printFailure(error);
}
