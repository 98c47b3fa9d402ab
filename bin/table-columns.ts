import { InputError } from "../src/index.ts";

/** Reads `--columns x=age,height`: columns of a table by the input that takes them. */
export function parseColumns(given: readonly string[] = []): Record<string, string[]> {
  const columns: Record<string, string[]> = {};
  for (const text of given) {
    const [, name, list] = /^([^=]+)=(.+)$/.exec(text) ?? [];
    if (!name) throw new InputError(`--columns ${text} must have the form input=first,second.`);
    columns[name] = list.split(",").map((column) => column.trim());
  }
  return columns;
}
