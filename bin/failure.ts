import { EXIT } from "./exit.ts";

/** Marks a command line that is not understood. */
export class UsageError extends Error {}

/** Why a command failed, in one sentence. */
export function failureSentence(error: unknown): string {
  const { message } = error as Error;
  const { exitCode } = error as { exitCode?: number };
  if (isUsage(error)) return `${message} (laurelize --help)`;
  return exitCode !== undefined
    ? message
    : `${message}; this is a fault of laurelize, please report it with the model.`;
}

const isUsage = (error: unknown) =>
  error instanceof UsageError || (error as Error).name === "YError";

/** Prints why a command failed, and sets the exit code. */
export function printFailure(error: unknown): void {
  const { exitCode } = error as { exitCode?: number };
  const expected = isUsage(error) || exitCode !== undefined;
  process.stderr.write(`laurelize: ${failureSentence(error)}\n`);
  if (!expected && process.env.DEBUG) console.error(error);
  process.exitCode = exitCode ?? EXIT.usage;
}
