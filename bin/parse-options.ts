import type { FeatureAxis } from "../src/index.ts";
import { UsageError } from "./failure.ts";

/** Reads `--dim name=4`: sizes of free dimensions by name. */
export const parseDims = (given: readonly string[]): Record<string, number> =>
  pairs(given, /^(.+)=(\d+)$/, Number, "--dim %s must have the form name=4.");

/** Reads `--batch-axis h0=1,timestep=none`: axes by name, null for none. */
export const parseBatchAxes = (given: readonly string[]): Record<string, number | null> =>
  pairs(
    wordsIn(given),
    /^(.+)=(\d+|none)$/,
    (axis) => (axis === "none" ? null : Number(axis)),
    "--batch-axis %s must have the form name=1 or name=none.",
  );

/** Returns the words of texts, which commas separate. */
export const wordsIn = (given: readonly string[]): string[] =>
  given.flatMap((text) => text.split(","));

/** A name in quotes, which may hold commas, or one without. */
const NAME = /"(?:[^"]|"")*"|[^,]+/g;

/** Reads `--columns x=age,"height, cm"`: columns of a table by the input that takes them. */
export const parseColumns = (given: readonly string[]): Record<string, string[]> =>
  pairs(given, /^([^=]+)=(.+)$/, columnsIn, "--columns %s must have the form input=first,second.");

const columnsIn = (list: string): string[] =>
  [...list.matchAll(NAME)].flatMap(([part]) => {
    const column = part.trim();
    const isQuoted = column.length > 1 && column.startsWith('"') && column.endsWith('"');
    return column === "" ? [] : [isQuoted ? column.slice(1, -1).replaceAll('""', '"') : column];
  });

/** Reads texts of a name and a value; `wrong` is the sentence for one that is not, %s the text. */
function pairs<T>(
  texts: readonly string[],
  pattern: RegExp,
  valueIn: (text: string) => T,
  wrong: string,
): Record<string, T> {
  const values: Record<string, T> = Object.create(null);
  for (const text of texts) {
    const [, name, value] = pattern.exec(text) ?? [];
    if (!name) throw new UsageError(wrong.replace("%s", () => text));
    values[name] = valueIn(value);
  }
  return values;
}

/** Reads `--feature-axis`: one axis, or pairs of a glob over site names and an axis. */
export function parseFeatureAxis(text: string): FeatureAxis {
  if (/^-?\d+$/.test(text)) return Number(text);
  const axes: Record<string, number> = Object.create(null);
  let end = 0;
  for (const { 0: pair, 1: glob, 2: axis, index } of text.matchAll(/([^=]+)=(-?\d+)(?:,|$)/g)) {
    if (index !== end) break;
    axes[glob] ??= Number(axis);
    end = index + pair.length;
  }
  if (end === 0 || end < text.length)
    throw new UsageError(
      `--feature-axis ${text} must be an axis, such as 1 or -1, or patterns with an axis each, such as 'layer.*=3,head.*=1'.`,
    );
  return axes;
}
