import type { Laurelization } from "../laurelize/manifest.ts";

/** Returns how a model's laurelization differs from the adapter's, as a clause; null if it does not. */
export function difference(
  one: Laurelization,
  wanted: Laurelization,
  first: boolean,
): string | null {
  if (one.variant !== wanted.variant)
    return `has the variant ${one.variant}, but the adapter ${wanted.variant}`;
  if (first && one.sha256 !== null && wanted.sha256 !== null && one.sha256 !== wanted.sha256)
    return `was made from another original: the SHA-256 of the originals differ`;
  const [mine, theirs] = [one.options, wanted.options].map(
    (options) => new Map(Object.entries(options)),
  );
  for (const [option, value] of theirs)
    if (mine.get(option) !== value)
      return `was laurelized with ${option} ${mine.get(option)}, but the adapter's model with ${value}`;
  const [sites, others] = [one, wanted].map((each) => each.sites.map(({ name }) => name));
  const lacking = others.find((site) => !sites.includes(site));
  if (lacking !== undefined) return `has no LAuReL at ${lacking}, but the adapter's model has`;
  const more = sites.find((site) => !others.includes(site));
  if (more !== undefined) return `has LAuReL at ${more}, but the adapter's model does not`;
  const same = JSON.stringify(one.sites) === JSON.stringify(wanted.sites);
  return same ? null : `has LAuReL at the same sites between other values`;
}
