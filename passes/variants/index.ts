import { lr } from "./lr.ts";
import { pa } from "./pa.ts";
import { rw } from "./rw.ts";
import type { Variant, VariantOptions } from "./variant.ts";

/** Every part of LAuReL, in the order in which combinations name them. */
export const parts: readonly Variant[] = [rw, lr, pa];

/** A combination of parts by its name. */
export type VariantName = "rw" | "lr" | "rw+lr" | "pa" | "rw+pa" | "lr+pa" | "rw+lr+pa";

/** Every variant there is: each non-empty combination of parts, "rw+lr" for instance. */
export const variantNames = Array.from({ length: 2 ** parts.length - 1 }, (_, k) =>
  parts
    .filter((_, bit) => ((k + 1) >> bit) & 1)
    .map(({ name }) => name)
    .join("+"),
) as VariantName[];

/** The parts of a variant by its name, in any order; null for no variant. */
export function variantNamed(name: string): readonly Variant[] | null {
  const names = name.split("+");
  const chosen = parts.filter((part) => names.includes(part.name));
  return chosen.length === names.length && new Set(names).size === names.length ? chosen : null;
}

/** The parts that are built: together with PA, LR is PA's lag 0 (equation 6) and no part of its own. */
export const built = (chosen: readonly Variant[]): readonly Variant[] =>
  chosen.includes(pa) ? chosen.filter((part) => part !== lr) : chosen;

/** What options are where none are given: laurel.md's defaults. */
export const defaults: Omit<VariantOptions, "paMap"> = {
  rank: 16,
  normalize: "softmax",
  perChannel: false,
  init: "xavier",
  lags: 3,
  shareLags: false,
  seed: 0,
};

/** PA's map where none is given: low-rank where LR is part of the variant, else the identity. */
export const defaultMap = (chosen: readonly Variant[]): VariantOptions["paMap"] =>
  chosen.includes(lr) ? "low-rank" : "identity";
