import { checkValues, type ValuesOf } from "../../src/option-values.ts";
import type { Given } from "../../src/options.ts";
import { matcher } from "../residuals/glob.ts";
import type { Site } from "../residuals/residual.ts";
import { choosing } from "./insert-options.ts";

/** Which of the found sites to choose. Each option narrows the choice further. */
export interface Choice extends Given<ValuesOf<typeof choosing>> {
  /** Exact site names: a site must have one of them. */
  readonly sites?: readonly string[] | undefined;
  /** Include sites that are LAuReL already, from this tool or as in Gemma 3n. */
  readonly again?: boolean | undefined;
}

/** Returns the chosen sites in their order. Throws an InputError for an invalid choice. */
export function chosen(
  sites: readonly Site[],
  { include, exclude, sites: names, stream, every, last, again }: Choice,
): Site[] {
  checkValues({ every, last }, choosing);
  const [wanted, unwanted] = [matcher(include), matcher(exclude)];
  const exact = names && new Set(names);
  return sites
    .filter(({ kind }) => again || kind !== "laurel")
    .filter(({ name }) => (wanted?.(name) ?? true) && !(unwanted?.(name) ?? false))
    .filter(({ name }) => exact?.has(name) ?? true)
    .filter((site) => !stream?.length || stream.includes(site.stream))
    .filter((_, k) => k % (every ?? 1) === 0)
    .slice(-(last ?? sites.length));
}
