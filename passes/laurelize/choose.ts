import { checkValues } from "../../src/option-values.ts";
import { matcher } from "../residuals/glob.ts";
import type { Site } from "../residuals/residual.ts";
import { choosing } from "./insert-options.ts";

/** Which of the found sites to choose. Each option narrows the choice further. */
export interface Choice {
  /** Globs over site names, `*` matching across slashes: a site must match one. */
  readonly include?: readonly string[] | undefined;
  /** Globs over site names: a site must match none. */
  readonly exclude?: readonly string[] | undefined;
  /** Exact site names: a site must have one of them. */
  readonly sites?: readonly string[] | undefined;
  /** Streams by their numbers, as inspect prints them. */
  readonly stream?: readonly number[] | undefined;
  /** Every n-th site, the first included. */
  readonly every?: number | undefined;
  /** The last n sites. */
  readonly last?: number | undefined;
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
