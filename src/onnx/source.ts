/** A random-access run of bytes: a file, or memory. */
export interface Source {
  /** What errors call it: a file name, or "model". */
  readonly name: string;
  /** Its path, where it is a file as it lies. */
  readonly path?: string;
  /** The path is a symbolic link. */
  readonly isLink?: boolean;
  /** Bytes in all. */
  readonly size: number;
  /** Bytes `start` to `end` (exclusive); may be a view. Throws when they are not there. */
  read(start: number, end: number): Uint8Array;
  /** Fills `bytes` from `start` on, where the source can do that without a copy. */
  fill?(bytes: Uint8Array, start: number): void;
  /** Where a stretch of it lies in a file as it is; null where it is made up or in memory. */
  origin?(range: Range): Stretch | null;
  /** Copies the whole to a new file, sharing its blocks; false where that cannot be done. */
  copyTo?(file: string): boolean;
  /** Lets go of what the source holds open. */
  close?(): void;
}

/** Half-open range of byte offsets in a source. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** A stretch of a source. */
export interface Stretch extends Range {
  readonly source: Source;
}

/** Where a stretch of a source lies in a file as it is; null where it lies in none, or not whole. */
export const originOf = (source: Source, range: Range): Stretch | null =>
  source.path ? { source, ...range } : (source.origin?.(range) ?? null);

/** A source over bytes in memory; nothing is copied. */
export function bytesSource(given: Uint8Array, name = "model"): Source {
  // A Buffer is a Uint8Array whose slice() does not copy; a plain view of it does.
  const bytes = new Uint8Array(given.buffer, given.byteOffset, given.length);
  return { name, size: bytes.length, read: (start, end) => bytes.subarray(start, end) };
}
