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
