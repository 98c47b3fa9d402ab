/** Control characters but tab and line feed, and those that break lines or turn their direction. */
const CONTROLS = /(?![\t\n])[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** What makes text green, red or yellow, and ends that: no name can hide what follows it. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const COLOR = /(\x1b\[3[1239]m)/;
/** What a progress bar writes before anything else: the cursor moves, is kept and brought back. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CURSOR = /^((?:\x1b(?:[78]|\[\??[\d;]*[A-Za-z])|\r)+)/;

/** Returns text with control characters written out, as JSON does. */
export const printable = (text: string) =>
  text.replace(CONTROLS, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** The same, but for sequences of one kind. */
function harmless(text: string, kept: RegExp | null): string {
  if (text.search(CONTROLS) < 0) return text;
  if (kept === null) return printable(text);
  return text
    .split(kept)
    .map((part, k) => (k % 2 === 1 ? part : printable(part)))
    .join("");
}

/**
 * Writes out control characters in all that the process prints: a model's names, which its author
 * chose, might otherwise command the terminal. Bytes are left as they are.
 */
export function guardTerminal(isColored: boolean): void {
  const streams = [
    [process.stdout, isColored ? COLOR : null],
    [process.stderr, process.stderr.isTTY ? CURSOR : null],
  ] as const;
  for (const [stream, kept] of streams) {
    const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
    stream.write = (chunk: unknown, ...more: unknown[]) =>
      write(typeof chunk === "string" ? harmless(chunk, kept) : chunk, ...more);
  }
}
