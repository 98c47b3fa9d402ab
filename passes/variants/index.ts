import { type ChosenValues, type ValuesOf, valuesOf } from "../../src/option-values.ts";
import type { GivenOptions, Option, Options } from "../../src/options.ts";
import { lr } from "./lr.ts";
import { pa } from "./pa.ts";
import { rw } from "./rw.ts";
import { everyVariant, type Variant } from "./variant.ts";

const all = [rw, lr, pa] as const;

/** Every part of LAuReL, in the order in which combinations name them. */
export const parts: readonly Variant[] = all;

/** The name of a combination of parts. */
export type VariantName = "rw" | "lr" | "rw+lr" | "pa" | "rw+pa" | "lr+pa" | "rw+lr+pa";

/** The default variant. */
export const DEFAULT_VARIANT: VariantName = "rw+lr";

/** The options of all variants. */
export type VariantOptions = ChosenValues<(typeof all)[number]> & ValuesOf<typeof everyVariant>;

/** Every variant: each non-empty combination of parts, such as "rw+lr". */
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

/** Returns the parts to build: with PA, LR is PA's lag 0 (equation 6), not a part of its own. */
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

/** Returns why an option has no effect with a variant. */
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

/** The default values of options, which are the paper's, without `paMap`: PA's map follows the variant. */
export const defaults = (({ paMap: _, ...others }) => others)(
  valuesOf(variantOptions, {}) as VariantOptions,
);

/** Returns PA's default map: low-rank if LR is part of the variant, otherwise the identity. */
export const defaultMap = (chosen: readonly Variant[]): VariantOptions["paMap"] =>
  chosen.some(({ name }) => name === "lr") ? "low-rank" : "identity";
