/** Codes of errors that a user can fix. */
export type ErrorCode =
  | "input"
  | "no-site"
  | "recognized"
  | "diverged"
  | "no-gradient"
  | "optimizer";

const LONGEST = 1000;

const WRITE_FAILURES: Readonly<Record<string, string>> = {
  EACCES: "access is denied",
  EDQUOT: "your disk quota is used up",
  ELOOP: "its links lead in a circle",
  ENAMETOOLONG: "its name is too long",
  ENOENT: "its folder does not exist or takes no files",
  ENOSPC: "the disk is full",
  ENOTDIR: "a part of its path is a file, not a folder",
  EROFS: "the file system is read-only",
};

/** Returns what a function returns; null if it throws. */
export function tried<T>(work: () => T): T | null {
  try {
    return work();
  } catch {
    return null;
  }
}

/** Returns what answers the error of an import; the sentence says how to install what is missing. */
export const notInstalled = (sentence: string) => (error: unknown) => {
  const { code } = error as { readonly code?: string };
  throw code === "ERR_MODULE_NOT_FOUND" ? new InputError(sentence) : error;
};

/** Returns why something cannot be written, as a clause, from the error of Node. */
export function writeFailure(error: unknown): string {
  const { code = "" } = error as { readonly code?: string };
  return WRITE_FAILURES[code] ?? `writing fails (${code})`;
}

/**
 * An error in what the user gave: a file, an option or a model. The message is one sentence on one
 * line that says what, where and what to do.
 */
export class InputError extends Error {
  override name = "InputError";
  /** The code for programs. */
  readonly code: ErrorCode = "input";
  /** The exit code of the command line. */
  readonly exitCode: number = 2;
  constructor(message: string, options?: ErrorOptions) {
    const line = message.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ");
    super(
      line.length > LONGEST ? `${line.slice(0, LONGEST / 2)} … ${line.slice(-LONGEST / 2)}` : line,
      options,
    );
  }
}
