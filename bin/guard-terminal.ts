import { colorParts, isColored } from "./colors.ts";
import { printable } from "./print.ts";

/** What a progress bar writes before anything else: the cursor moves, is kept and brought back. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CURSOR = /^((?:\x1b(?:[78]|\[\??[\d;]*[A-Za-z])|\r)+)/;

/** Returns text as a stream may have it: of control characters, only the colors of ours. */
const withColors = (text: string, wanted: boolean) =>
  colorParts(text)
    .map((part, k) => (k % 2 === 0 ? printable(part) : wanted ? part : ""))
    .join("");

/**
 * Writes out control characters in all that the process prints: a model's names, which its author
 * chose, might otherwise command the terminal. Bytes are left as they are.
 */
export function guardTerminal(): void {
  for (const stream of [process.stdout, process.stderr]) {
    const moves = stream === process.stderr && stream.isTTY ? CURSOR : /^/;
    const wanted = isColored(stream);
    const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
    const harmless = (text: string) => {
      const [start = ""] = moves.exec(text) ?? [];
      return start + withColors(text.slice(start.length), wanted);
    };
    stream.write = (chunk: unknown, ...more: unknown[]) =>
      write(typeof chunk === "string" ? harmless(chunk) : chunk, ...more);
  }
}
