import { randomInt } from "node:crypto";

/**
 * Whether a stream shows colors: not with NO_COLOR, always with FORCE_COLOR, otherwise on a terminal.
 * @see https://no-color.org
 */
export function isColored({ isTTY }: { readonly isTTY?: boolean }): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (NO_COLOR) return false;
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== "0" && FORCE_COLOR !== "false";
  return isTTY === true && TERM !== "dumb";
}

const hasColors = isColored(process.stdout) || isColored(process.stderr);
const digits = () => randomInt(1000, 10_000);
/** The beginning of our color sequences until they are printed: random, so that no name has it. */
const OURS = `\x1b[${digits()};${digits()};${digits()};`;

const paint = (color: number) => (text: string) =>
  hasColors ? `${OURS}${color}m${text}${OURS}39m` : text;

/** Functions that color text, for streams that `guardTerminal` guards. */
export const colors = { red: paint(31), green: paint(32), yellow: paint(33) };

/** The marks at the start of a report's lines, by outcome. */
export const marks = {
  passed: colors.green("✓"),
  failed: colors.red("✗"),
  "not run": colors.yellow("?"),
};

/** Splits text at our color sequences, which stand at odd places, as terminals read them. */
export const colorParts = (text: string): string[] =>
  text
    .split(OURS)
    .flatMap((part, k) => (k === 0 ? [part] : [`\x1b[${part.slice(0, 3)}`, part.slice(3)]));
