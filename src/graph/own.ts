/**
 * What a record holds under a name that comes from a model, which may be the name of something
 * every object has: "constructor".
 */
export const own = <T>(record: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;
