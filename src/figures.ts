/** Formats a count with separators: 4,238. */
export const grouped = (value: number): string => value.toLocaleString("en");

/** Formats a count with a noun: "1 site", "1,234 sites". */
export const counted = (count: number, noun: string): string =>
  `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;

/** Formats bytes for a person, in powers of 1000: "97.4 MB". */
export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  const units = ["kB", "MB", "GB", "TB", "PB", "EB"];
  const step = Math.min(Math.floor(Math.log10(count) / 3), units.length);
  return `${(count / 1000 ** step).toPrecision(3)} ${units[step - 1]}`;
}

/** Lists the first of some words for a sentence, and says how many more there are. */
export const listed = (words: readonly string[], most = 8): string =>
  words.slice(0, most).join(", ") + (words.length > most ? ` and ${words.length - most} more` : "");
