import { InputError } from "../src/index.ts";

/** A name in quotes, which may hold commas, or one without. */
const NAME = /"(?:[^"]|"")*"|[^,]+/g;

/** Reads `--columns x=age,"height, cm"`: columns of a table by the input that takes them. */
export function parseColumns(given: readonly string[] = []): Record<string, string[]> {
  const columns: Record<string, string[]> = Object.create(null);
  for (const text of given) {
    const [, name, list] = /^([^=]+)=(.+)$/.exec(text) ?? [];
    if (!name) throw new InputError(`--columns ${text} must have the form input=first,second.`);
    columns[name] = [...list.matchAll(NAME)].flatMap(([part]) => {
      const column = part.trim();
      const isQuoted = column.length > 1 && column.startsWith('"') && column.endsWith('"');
      return column === "" ? [] : [isQuoted ? column.slice(1, -1).replaceAll('""', '"') : column];
    });
  }
  return columns;
}
