import picomatch from "picomatch";
import { InputError } from "../../src/errors.ts";

/** Matches names by globs, `*` across slashes; null without globs. Refuses an empty glob. */
export function matcher(globs: readonly string[] | undefined): ((name: string) => boolean) | null {
  if (!globs?.length) return null;
  if (globs.includes(""))
    throw new InputError("an empty glob does not match any name; leave it out.");
  const matches = picomatch([...globs], { bash: true, dot: true, flags: "s" });
  return (name) => globs.includes(name) || matches(name);
}
