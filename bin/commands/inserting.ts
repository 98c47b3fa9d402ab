import { type choosing, inserting } from "../../passes/laurelize/insert-options.ts";
import type { LaurelOptions, ResidualOptions } from "../../src/index.ts";
import type { Options } from "../../src/options.ts";
import { picked } from "../picked.ts";
import type { ArgumentsFor, Declaration } from "./command.ts";
import { finding } from "./options.ts";

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

const declared: Options = { ...inserting, ...finding };

/** Returns the given arguments with an effect that say what to insert, and where. */
export const laurelOptions = (
  args: Inserting & Pick<ResidualOptions, "featureAxis" | "also"> & GivenNames,
): LaurelOptions & ResidualOptions =>
  Object.fromEntries(
    Object.entries(picked(args, declared)).filter(([name]) => args.given.includes(name)),
  );
