import { lr } from "./lr.ts";
import { rw } from "./rw.ts";
import type { Variant, VariantOptions } from "./variant.ts";

/** Every part of LAuReL, in the order in which combinations name them. */
export const parts: readonly Variant[] = [rw, lr];

/** Every variant there is: each non-empty combination of parts, "rw+lr" for instance. */
export const variantNames: readonly string[] = Array.from(
  { length: 2 ** parts.length - 1 },
  (_, k) =>
    parts
      .filter((_, bit) => ((k + 1) >> bit) & 1)
      .map(({ name }) => name)
      .join("+"),
);

/** The parts of a variant by its name; null for no variant. */
export function variantNamed(name: string): readonly Variant[] | null {
  const names = name.split("+");
  const chosen = parts.filter((part) => names.includes(part.name));
  return chosen.length === names.length && new Set(names).size === names.length ? chosen : null;
}

/** What options are where none are given: laurel.md's defaults. */
export const defaults: VariantOptions = {
  rank: 16,
  normalize: "softmax",
  init: "xavier",
  seed: 0,
};
