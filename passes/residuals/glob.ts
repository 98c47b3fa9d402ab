import picomatch from "picomatch";
import { InputError } from "../../src/errors.ts";

/**
 * Tells whether a name is one of the globs or matches it, `*` matching across slashes; null without
 * globs. Throws an InputError for an empty one.
 */
export function matcher(globs: readonly string[] | undefined): ((name: string) => boolean) | null {
  if (!globs?.length) return null;
  if (globs.includes("")) throw new InputError("an empty glob matches no name; leave it out.");
  const matches = picomatch([...globs], { bash: true, dot: true, flags: "s" });
  return (name) => globs.includes(name) || matches(name);
}
