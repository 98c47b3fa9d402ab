/** Returns text as one line: a line break in a name is written out, and begins no line of its own. */
export const oneLine = (text: string): string => text.replaceAll("\n", "\\n");

/** Returns lines as they are printed. */
export const printedLines = (lines: readonly string[]): string =>
  `${lines.map(oneLine).join("\n")}\n`;

/** Prints a sentence as a line of stderr: "warning: …". */
export const printNote = (kind: "note" | "warning" | "laurelize", sentence: string): boolean =>
  process.stderr.write(printedLines([`${kind}: ${sentence}`]));
