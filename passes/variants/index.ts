import { type ChosenValues, type ValuesOf, valuesOf } from "../../src/option-values.ts";
import type { GivenOptions, Option, Options } from "../../src/options.ts";
import { lr } from "./lr.ts";
import { pa } from "./pa.ts";
import { rw } from "./rw.ts";
import { everyVariant, type Variant } from "./variant.ts";

const all = [rw, lr, pa] as const;

/** Every part of LAuReL, in the order in which combinations name them. */
export const parts: readonly Variant[] = all;

/** A combination of parts by its name. */
export type VariantName = "rw" | "lr" | "rw+lr" | "pa" | "rw+pa" | "lr+pa" | "rw+lr+pa";

/** What is inserted if nothing is said. */
export const DEFAULT_VARIANT: VariantName = "rw+lr";

/** Options of all variants, as the command line names them. */
export type VariantOptions = ChosenValues<(typeof all)[number]> & ValuesOf<typeof everyVariant>;

/** Every variant there is: each non-empty combination of parts, "rw+lr" for instance. */
export const variantNames = Array.from({ length: 2 ** parts.length - 1 }, (_, k) =>
  parts
    .filter((_, bit) => ((k + 1) >> bit) & 1)
    .map(({ name }) => name)
    .join("+"),
) as VariantName[];

/** Returns the parts of a variant by its name, in any order; null if there is no such variant. */
export function variantNamed(name: string): readonly Variant[] | null {
  const names = name.split("+");
  const chosen = parts.filter((part) => names.includes(part.name));
  return chosen.length === names.length && new Set(names).size === names.length ? chosen : null;
}

/** The parts that are built: together with PA, LR is PA's lag 0 (equation 6) and no part of its own. */
export const built = (chosen: readonly Variant[]): readonly Variant[] =>
  chosen.some(({ name }) => name === "pa") ? chosen.filter(({ name }) => name !== "lr") : chosen;

/** An option that the command line can have. */
type Flag = Option & { readonly type?: "string" | "number" | "boolean" };

/** Options of all parts and of every variant; one has no effect if no part of the variant has it. */
export const variantOptions: Readonly<Record<keyof VariantOptions, Flag>> = {
  ...(Object.fromEntries(
    Object.entries(Object.assign({}, ...parts.map(({ options }) => options)) as Options).map(
      ([name, option]) => [name, { ...option, idle: idleWithout(name) }],
    ),
  ) as Record<Exclude<keyof VariantOptions, "seed">, Flag>),
  ...everyVariant,
};

/** Why an option has no effect with a variant. */
function idleWithout(name: string): Option["idle"] {
  const owners = parts.filter(({ options }) => Object.hasOwn(options, name));
  return (others: GivenOptions) => {
    const variant = `${others.variant ?? DEFAULT_VARIANT}`;
    const within = variantNamed(variant)?.filter((part) => owners.includes(part)) ?? owners;
    if (within.length === 0)
      return `variant ${variant} has no ${owners.map((owner) => owner.name).join(" or ")}`;
    const reasons = within.map(({ options }) => options[name].idle?.(others) ?? null);
    return reasons.includes(null) ? null : reasons[0];
  };
}

/** The values of options if none are given: the paper's. PA's map follows the variant. */
export const defaults = (({ paMap: _, ...others }) => others)(
  valuesOf(variantOptions, {}) as VariantOptions,
);

/** PA's map if none is given: low-rank if LR is part of the variant, else the identity. */
export const defaultMap = (chosen: readonly Variant[]): VariantOptions["paMap"] =>
  chosen.some(({ name }) => name === "lr") ? "low-rank" : "identity";
