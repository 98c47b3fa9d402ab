import { InputError } from "../../src/errors.ts";
import { type Dimension, placeOfAxis, showShape } from "../../src/onnx/dtypes.ts";
import { isRecord, shown } from "../../src/options.ts";
import { matcher } from "./glob.ts";

/** An axis of all sites, or axes by globs over site names (the first match counts); negative from the end. */
export type FeatureAxis = number | Readonly<Record<string, number>>;

/** Whether a parsed value is valid as option `featureAxis`. */
export const isFeatureAxis = (given: unknown): given is FeatureAxis =>
  typeof given === "number" ||
  (isRecord(given) && Object.values(given).every((axis) => typeof axis === "number"));

/** One axis that the user names, and the sums that it applies to. */
interface Named {
  readonly glob: string | null;
  readonly axis: number;
  readonly matches: (name: string) => boolean;
  readonly fits: string[];
  readonly misfits: string[];
}

/** The axes that the user names; records which of them have an effect. */
export type NamedAxes = ReturnType<typeof namedAxes>;

/** Reads the option `featureAxis`. Throws an InputError if an axis is not an integer. */
export function namedAxes(given: FeatureAxis | undefined) {
  const entries: [string | null, number][] =
    given === undefined ? [] : isRecord(given) ? Object.entries(given) : [[null, given]];
  const all = entries.map(([glob, axis]): Named => {
    if (!Number.isSafeInteger(axis))
      throw new InputError(
        `the feature axis ${shown(axis)}${glob === null ? "" : ` of ${glob}`} must be an integer.`,
      );
    const matches = glob === null ? () => true : matcher([glob])!;
    return { glob, axis, matches, fits: [], misfits: [] };
  });
  const seen = new Set<string>();
  return {
    /** Returns the axis named for a sum or its value, or why it has none; null if none is named. */
    of(name: string, value: string, shape: readonly Dimension[]) {
      if (all.length === 0) return null;
      seen.add(name);
      const names = [name, name.replace(/^\//, ""), value];
      const named = all.find(({ matches }) => names.some(matches));
      if (!named) return null;
      const axis = placeOfAxis(named.axis, shape.length);
      if (axis in shape) {
        named.fits.push(name);
        return axis;
      }
      const why = `${name} has rank ${shape.length}, ${showShape(shape)}: its axes are 0 to ${shape.length - 1}, or -${shape.length} to -1`;
      named.misfits.push(why);
      return { reason: `axis ${named.axis} does not exist; ${why}` };
    },
    /** Returns warnings about globs that match no sum, and about axes that no sum has. */
    unused: () =>
      all.flatMap(({ glob, axis, fits, misfits }) => {
        if (fits.length > 0) return [];
        if (misfits.length > 0)
          return [`--feature-axis ${axis} is not an axis of any sum that it names: ${misfits[0]}.`];
        if (glob === null) return [];
        const some = [...seen].slice(0, 3).join(", ");
        const which = seen.size > 0 ? ` (${some}${seen.size > 3 ? " and others" : ""})` : "";
        return [`the pattern ${glob} of --feature-axis does not match any residual sum${which}.`];
      }),
  };
}
