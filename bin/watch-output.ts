import { EXIT } from "./exit.ts";
import { printNote } from "./print.ts";

/**
 * Answers failures of this process's output. A reader that has gone, as `head` does, changes
 * nothing: files are still written. Output that cannot be written is an error. What is lost of
 * stderr cannot be reported; the exit code stands.
 */
export function watchOutput(): void {
  process.stdout.on("error", ({ code }: NodeJS.ErrnoException) => {
    if (code === "EPIPE") return;
    const why = code === "ENOSPC" ? "the disk is full" : code;
    printNote("laurelize", `the output cannot be written: ${why}.`);
    process.exit(EXIT.usage);
  });
  process.stderr.on("error", () => {});
}
