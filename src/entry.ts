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
