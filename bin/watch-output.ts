import { writeFailure } from "../src/errors.ts";
import { EXIT } from "./exit.ts";
import { printNote } from "./print.ts";

/**
 * Answers failures of this process's output. A reader that has gone, as `head` does, changes
 * nothing: files are still written. Output that cannot be written is an error. What is lost of
 * stderr cannot be reported; the exit code stands.
 */
export function watchOutput(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") return;
    printNote("laurelize", `the output cannot be written: ${writeFailure(error)}.`);
    process.exit(EXIT.usage);
  });
  process.stderr.on("error", () => {});
}
