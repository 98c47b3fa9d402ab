import picomatch from "picomatch";
import { InputError } from "../../src/errors.ts";

/** Returns a test for names by globs, `*` across slashes; null without any. Throws an InputError for "". */
export function matcher(globs: readonly string[] | undefined): ((name: string) => boolean) | null {
  if (!globs?.length) return null;
  if (globs.includes(""))
    throw new InputError("an empty glob does not match any name; leave it out.");
  const starred = globs.filter((glob) => glob.includes("*") && !OTHER.test(glob));
  const stars = starred.map((glob) => glob.split(/\*+/));
  const rest = globs.filter((glob) => !starred.includes(glob));
  const matches = picomatch(rest, { bash: true, dot: true, flags: "s" });
  return (name) =>
    globs.includes(name) || stars.some((pieces) => hasPieces(name, pieces)) || matches(name);
}

/** What a glob may contain beside letters and stars. */
const OTHER = /[?[\]{}()!+@|\\]/;

/**
 * Whether a name consists of these pieces with anything between them. A regular expression would
 * take time exponential in the number of stars if a long name does not match.
 */
function hasPieces(name: string, pieces: readonly string[]): boolean {
  const [first, last] = [pieces[0], pieces.at(-1)!];
  let at = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = name.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return name.startsWith(first) && name.endsWith(last) && name.length - last.length >= at;
}
