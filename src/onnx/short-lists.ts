const SHORT = 4;

/**
 * The list with one more item at its end, the same list once it is long. Short ones are made anew
 * at just their length: a push or a spread makes room for seventeen, and most lists of a graph hold one or two.
 */
export function withOne<T>(list: T[], item: T): T[] {
  if (list.length < SHORT) return list.concat([item]);
  list.push(item);
  return list;
}
