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
  Inserting;

const NAMES = [...Object.keys(inserting), ...Object.keys(choosing), "featureAxis", "also"];

/** Those arguments of a command that say what to insert, and where; what has no effect is left out. */
export function laurelOptions(
  args: Inserting & Pick<ResidualOptions, "featureAxis" | "also">,
): LaurelOptions & ResidualOptions {
  const idle = new Set(idleOptions(args, inserting).map(([name]) => name));
  return Object.fromEntries(
    Object.entries(args).filter(([name]) => NAMES.includes(name) && !idle.has(name)),
  );
}
