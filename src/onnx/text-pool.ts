import { textOfCodes } from "./bytes.ts";

const FNV = 0x01000193;
/** Number of cached texts: most values are read near the node that makes them. Powers of two. */
const [FEWEST, MOST] = [1 << 6, 1 << 14];
/** Bytes of a file that a cached text stands for: many a small model is read. */
const BYTES_EACH = 1 << 5;

/**
 * Decodes ASCII texts and caches recent ones. A value's name occurs where it is made and wherever
 * it is read, so one string is hashed and compared once for all.
 */
export class TextPool {
  /** By hash; texts that share a slot replace one another. */
  readonly #texts: (string | undefined)[];

  /** `size` is that of the file, in bytes. */
  constructor(size: number) {
    let places = FEWEST;
    while (places < MOST && places * BYTES_EACH < size) places *= 2;
    this.#texts = new Array<string | undefined>(places).fill(undefined);
  }

  /** Returns the text of a range of bytes; null if a byte is above 127. */
  at(bytes: Uint8Array, from: number, to: number): string | null {
    let hash = 0x811c9dc5;
    for (let k = from; k < to; k++) {
      const code = bytes[k];
      if (code > 127) return null;
      hash = Math.imul(hash ^ code, FNV);
    }
    const place = hash & (this.#texts.length - 1);
    const known = this.#texts[place];
    if (known !== undefined && equals(known, bytes, from, to)) return known;
    const text = textOfCodes(bytes, from, to);
    this.#texts[place] = text;
    return text;
  }
}

function equals(text: string, bytes: Uint8Array, from: number, to: number): boolean {
  if (text.length !== to - from) return false;
  for (let k = from; k < to; k++) if (text.charCodeAt(k - from) !== bytes[k]) return false;
  return true;
}
