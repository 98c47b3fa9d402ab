import fs from "node:fs";
import path from "node:path";

/** The widest line of a help text. */
export const WIDTH = 100;

/** Returns the width of a help text: that of the terminal, or COLUMNS in a pipe, at most WIDTH. */
export const helpWidth = (): number =>
  Math.min(WIDTH, process.stdout.columns ?? (Number(process.env.COLUMNS) || WIDTH));

const FLAGS = ["--help", "-h"];

/**
 * Returns the help text that a command line asks for. The build wrote it with the parser, which takes
 * longer to load than Node. Null if the line asks for something else, or if the terminal is narrower.
 */
export function helpText(words: readonly string[]): string | null {
  const last = words.at(-1);
  if (words.length > 2 || (last !== undefined && !FLAGS.includes(last))) return null;
  if (helpWidth() < WIDTH) return null;
  const texts = written();
  const command = words.length === 2 ? words[0] : "";
  return Object.hasOwn(texts, command) ? texts[command] : null;
}

/** Help texts by command, "" the whole program's; none while the build has not written them. */
function written(): Readonly<Record<string, string>> {
  try {
    return JSON.parse(fs.readFileSync(path.join(import.meta.dirname, "help.json"), "utf8"));
  } catch {
    return {};
  }
}
