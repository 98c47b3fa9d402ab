/** Codes of errors that a user can mend. */
export type ErrorCode = "input" | "no-site" | "recognized" | "diverged";

const LONGEST = 1000;

/**
 * Anything wrong with what the user gave: a file, an option, a model.
 * The message is one sentence that says what, where and what to do, on one line whatever the
 * names in it hold.
 */
export class InputError extends Error {
  override name = "InputError";
  /** What is wrong, for programs. */
  readonly code: ErrorCode = "input";
  /** The exit code of the command line. */
  readonly exitCode: number = 2;
  constructor(message: string) {
    const line = message.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ");
    super(
      line.length > LONGEST ? `${line.slice(0, LONGEST / 2)} … ${line.slice(-LONGEST / 2)}` : line,
    );
  }
}
