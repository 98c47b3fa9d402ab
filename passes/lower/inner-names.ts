/** How the values of a body or function are named when its nodes are written out in another scope. */
export interface InnerNames {
  /** The new name of a value. */
  readonly value: (name: string) => string;
  /** Outputs that no node of the body makes under their new names: [from, to]. */
  readonly copies: () => readonly (readonly [from: string, to: string])[];
}

/** What the values of a body are. */
export interface InnerValues {
  /** Names that values have outside: what a call hands in. */
  readonly given?: Iterable<readonly [inner: string, outer: string]>;
  /** Names that outputs get; "" if one is not asked for. */
  readonly outputs: readonly (readonly [inner: string, outer: string])[];
  /** Whether a node of the body makes the value. */
  readonly makes: (name: string) => boolean;
  /** Gives a value a new name; null if it is a value of the scope around the body. */
  readonly rename: (name: string) => string | null;
}

/** Names a body's values by what is handed in, then by what is asked for, else anew. */
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
