/** Returns an own property by a name from a model, which may be "constructor". */
export const own = <T>(record: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;

type Words<S extends string> = S extends `${infer Word} ${infer More}` ? Word | Words<More> : S;

/** Returns a table in which each of these names, separated by spaces, has the same entry. */
export const rows = <T, S extends string>(entry: T, names: S): Record<Words<S>, T> =>
  Object.fromEntries(names.split(" ").map((name) => [name, entry])) as Record<Words<S>, T>;
