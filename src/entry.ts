/** Returns the entry of a map for a key, which is made if there is none yet. */
export function entry<Key, Item>(
  map: { get(key: Key): Item | undefined; set(key: Key, item: Item): unknown },
  key: Key,
  make: () => Item,
): Item {
  let item = map.get(key);
  if (item === undefined) {
    item = make();
    map.set(key, item);
  }
  return item;
}

/** Searches places in order for the first at which a condition holds, as at all later ones; their number if none. */
export function firstFrom(count: number, holds: (place: number) => boolean): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Returns a record with the same keys, and what each of its values becomes. */
export const mapValues = <Item, Other>(
  record: Readonly<Record<string, Item>>,
  change: (item: Item, key: string) => Other,
): Record<string, Other> =>
  Object.fromEntries(Object.entries(record).map(([key, item]) => [key, change(item, key)]));

/** Groups items by a key, in the order in which the keys occur first. */
export function groupBy<Item, Key>(
  items: Iterable<Item>,
  keyOf: (item: Item) => Key,
): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) entry(groups, keyOf(item), (): Item[] => []).push(item);
  return groups;
}
