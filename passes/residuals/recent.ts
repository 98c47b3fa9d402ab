const LEAST = 32;

/** A map that keeps the entries used last: at least 32 of them, at most 64. */
export class Recent<Key, Item> {
  #newer = new Map<Key, Item>();
  #older = new Map<Key, Item>();

  get(key: Key): Item | undefined {
    const item = this.#newer.get(key);
    if (item !== undefined) return item;
    const old = this.#older.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: Key, item: Item): void {
    if (this.#newer.size >= LEAST) {
      this.#older = this.#newer;
      this.#newer = new Map();
    }
    this.#newer.set(key, item);
  }
}
