const SHORT = 4;

/**
 * Appends an item to a list: a short list is copied at its exact length, a long one is extended in
 * place. A push or a spread allocates seventeen slots, and most lists of a graph hold one or two
 * items.
 */
export function withOne<T>(list: T[], item: T): T[] {
  if (list.length < SHORT) return list.concat([item]);
  list.push(item);
  return list;
}

/**
 * Maps a list. `map` gives lists of another kind of elements once V8 has optimized its caller, and
 * what reads lists of both kinds is optimized twice.
 */
export function listFrom<T, U>(list: readonly T[], make: (item: T, index: number) => U): U[] {
  const made = new Array<U>(list.length);
  for (let k = 0; k < list.length; k++) made[k] = make(list[k], k);
  return made;
}
