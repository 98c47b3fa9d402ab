/** New names of a body's or function's values when its nodes are written into another scope. */
interface InnerNames {
  /** The new name of a value. */
  readonly value: (name: string) => string;
  /** Outputs that no node of the body makes under their new names: [from, to]. */
  readonly copies: () => readonly (readonly [from: string, to: string])[];
}

/** Descriptions of a body's values. */
interface InnerValues {
  /** Names of values passed in by a call. */
  readonly given?: Iterable<readonly [inner: string, outer: string]>;
  /** New names of outputs; "" for an output that is absent. */
  readonly outputs: readonly (readonly [inner: string, outer: string])[];
  /** Whether a node of the body makes the value. */
  readonly makes: (name: string) => boolean;
  /** Returns a new name for a value; null for a value of the enclosing scope. */
  readonly rename: (name: string) => string | null;
}

/**
 * Names a body's values: inputs by what is passed in, outputs by what is requested, others by new names.
 */
export function innerNames({ given = [], outputs, makes, rename }: InnerValues): InnerNames {
  const names = new Map(given);
  const copied: (readonly [from: string, to: string])[] = [];
  for (const [inner, outer] of outputs)
    if (outer === "") continue;
    else if (makes(inner) && !names.has(inner)) names.set(inner, outer);
    else copied.push([inner, outer]);
  const value = (name: string): string => {
    if (name === "") return "";
    const known = names.get(name) ?? rename(name);
    if (known === null) return name;
    names.set(name, known);
    return known;
  };
  return { value, copies: () => copied.map(([from, to]) => [value(from), to]) };
}
