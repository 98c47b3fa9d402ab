import { choosing, inserting } from "../../passes/options/inserting.ts";
import type { LaurelOptions, ResidualOptions } from "../../src/index.ts";

/** What is inserted, and at which sites. */
export type Inserting = Pick<LaurelOptions, keyof typeof inserting | keyof typeof choosing> & {
  readonly variant: NonNullable<LaurelOptions["variant"]>;
  readonly seed: number;
};

const NAMES = [...Object.keys(inserting), ...Object.keys(choosing), "featureAxis", "also"];

/** Those arguments of a command that say what to insert, and where. */
export const laurelOptions = (
  args: Inserting & Pick<ResidualOptions, "featureAxis" | "also">,
): LaurelOptions & ResidualOptions =>
  Object.fromEntries(Object.entries(args).filter(([name]) => NAMES.includes(name)));
