import { idleOptions, type Options } from "../src/options.ts";

/** Returns those arguments that are declared options and have an effect. */
export function picked(args: object, declared: Options): object {
  const given = args as Readonly<Record<string, unknown>>;
  const idle = new Set(idleOptions(given, declared).map(([name]) => name));
  const names = Object.keys(declared).filter((name) => !idle.has(name));
  return Object.fromEntries(names.map((name) => [name, given[name]]));
}
