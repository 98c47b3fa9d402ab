/** Control characters but tab and line feed, and those that break lines or turn their direction. */
const CONTROLS = /(?![\t\n])[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** Returns text with control characters written out, as JSON does. */
export const printable = (text: string) =>
  text.replace(CONTROLS, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** Returns text as one line: a line break in a name is written out, and begins no line of its own. */
export const oneLine = (text: string): string => text.replaceAll("\n", "\\n");

/** Returns lines as they are printed. */
export const printedLines = (lines: readonly string[]): string =>
  `${lines.map(oneLine).join("\n")}\n`;

/** Returns text in single quotes, for any shell. */
export const shellQuoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** Prints a sentence as a line of stderr: "warning: …". */
export const printNote = (kind: "note" | "warning" | "laurelize", sentence: string): boolean =>
  process.stderr.write(printedLines([`${kind}: ${sentence}`]));
