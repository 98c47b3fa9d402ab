import { choosing, inserting } from "../../passes/laurelize/insert-options.ts";
import type { LaurelOptions, ResidualOptions } from "../../src/index.ts";
import { idleOptions } from "../../src/options.ts";
import type { ArgumentsFor, Declaration } from "./command.ts";

/** What is inserted, and at which sites. */
export type Inserting = Pick<LaurelOptions, keyof typeof inserting | keyof typeof choosing> & {
  readonly variant: NonNullable<LaurelOptions["variant"]>;
  readonly seed: number;
};

/** The arguments of a command that inserts LAuReL. */
export type InsertingArguments<D extends Declaration> = Omit<ArgumentsFor<D>, keyof Inserting> &
  Inserting &
  GivenNames;

/** The options that stood on the command line, by their names in code. */
type GivenNames = { given: readonly string[] };

const NAMES = [...Object.keys(inserting), ...Object.keys(choosing), "featureAxis", "also"];

/** Returns the given arguments with an effect that say what to insert, and where. */
export function laurelOptions(
  args: Inserting & Pick<ResidualOptions, "featureAxis" | "also"> & GivenNames,
): LaurelOptions & ResidualOptions {
  const idle = new Set(idleOptions(args, inserting).map(([name]) => name));
  return Object.fromEntries(
    Object.entries(args).filter(
      ([name]) => args.given.includes(name) && NAMES.includes(name) && !idle.has(name),
    ),
  );
}
