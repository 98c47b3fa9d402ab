import { EXIT } from "./exit.ts";

/** Marks a command line that is not understood. */
export class UsageError extends Error {}

/** Prints why a command failed, in one sentence, and sets the exit code. */
export function printFailure(error: unknown): void {
  const { name, message } = error as Error;
  const { exitCode } = error as { exitCode?: number };
  const usage = error instanceof UsageError || name === "YError";
  const expected = usage || exitCode !== undefined;
  process.stderr.write(
    expected
      ? `laurelize: ${message}${usage ? " (laurelize --help)" : ""}\n`
      : `laurelize: ${message}; this is a fault of laurelize, please report it with the model.\n`,
  );
  if (!expected && process.env.DEBUG) console.error(error);
  process.exitCode = exitCode ?? EXIT.usage;
}
