/** Returns an own property by a name from a model, which may be "constructor". */
export const own = <T>(record: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;

/** Returns a table in which each of these names, separated by spaces, has the same entry. */
export const rows = <T>(entry: T, names: string): Record<string, T> =>
  Object.fromEntries(names.split(" ").map((name) => [name, entry]));
