import { EXIT } from "./exit.ts";
import { printJsonError } from "./json.ts";
import { printable, printNote } from "./print.ts";

/** Marks a command line that is not understood. Known by its name: bundles have copies of the class. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Returns why a command failed, in one sentence; after a wrong command line, it names the help. */
export function failureSentence(error: unknown, command = ""): string {
  const { message } = error as Error;
  const { exitCode } = error as { exitCode?: number };
  if (isUsage(error)) return `${message} (${["laurelize", command].join(" ").trim()} --help)`;
  return exitCode !== undefined
    ? message
    : `${message}; this is a fault of laurelize, please report it with the model.`;
}

const isUsage = (error: unknown) => ["UsageError", "YError"].includes((error as Error).name);

/** Codes of errors that have none, by their exit code. */
const CODES: Readonly<Record<number, string>> = {
  [EXIT.checkFailed]: "check-failed",
  [EXIT.usage]: "input",
  [EXIT.notProved]: "not-checked",
};

/** Prints why a command failed, as JSON too if it answers so, and sets the exit code. */
export function printFailure(error: unknown, command = ""): void {
  const { code, exitCode } = error as { code?: unknown; exitCode?: number };
  const expected = isUsage(error) || exitCode !== undefined;
  process.exitCode = exitCode ?? EXIT.usage;
  printJsonError({
    code: isUsage(error)
      ? "usage"
      : exitCode === undefined
        ? "internal"
        : typeof code === "string"
          ? code
          : (CODES[exitCode] ?? "input"),
    message: (error as Error).message,
    exitCode: process.exitCode,
  });
  printNote("laurelize", printable(failureSentence(error, command)));
  if (!expected && process.env.DEBUG) console.error(error);
}
