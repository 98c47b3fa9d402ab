import { equalBytes } from "./bytes.ts";

/** A sequence of bytes with random access: a file or memory. */
export interface Source {
  /** The name in error messages: a file name, or "model". */
  readonly name: string;
  /** Its path, if it is an unchanged file. */
  readonly path?: string;
  /** Whether the path is a symbolic link. */
  readonly isLink?: boolean;
  /** Length in bytes. */
  readonly size: number;
  /** Returns bytes `start` to `end` (exclusive), copied or not. Throws if they are out of range. */
  read(start: number, end: number): Uint8Array;
  /** Fills `bytes` from `start` on, if the source can do so without a copy. */
  fill?(bytes: Uint8Array, start: number): void;
  /** Returns where a range is in an unchanged file; null if it is new or in memory. */
  origin?(range: Range): Stretch | null;
  /** Copies the whole source to a new file by sharing blocks; returns false if it cannot. */
  copyTo?(file: string): boolean;
  /** Closes what the source holds open. */
  close?(): void;
}

/** Half-open range of byte offsets in a source. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** A range of a source. */
export interface Stretch extends Range {
  readonly source: Source;
}

/** Returns where a source's range is in an unchanged file; null if it is not in one piece. */
export const originOf = (source: Source, range: Range): Stretch | null =>
  source.path ? { source, ...range } : (source.origin?.(range) ?? null);

/** Returns a source over bytes in memory; does not copy them. */
export function bytesSource(given: Uint8Array, name = "model"): Source {
  // Buffer.slice() does not copy; the slice() of a plain view does.
  const bytes = new Uint8Array(given.buffer, given.byteOffset, given.length);
  return { name, size: bytes.length, read: (start, end) => bytes.subarray(start, end) };
}

/** Returns all bytes of a source, copied or not. */
export const contentOf = (source: Source): Uint8Array => source.read(0, source.size);

/** Calls `take` with what can be closed, and closes it; returns the result. */
export function closing<S extends Pick<Source, "close">, T>(open: S, take: (open: S) => T): T {
  try {
    return take(open);
  } finally {
    open.close?.();
  }
}

/** Number of bytes compared at a time. */
const BLOCK = 1 << 20;

type Sourced = { readonly source: Source };

/** Whether two ranges of two files hold the same bytes. */
export function equalRanges(a: Sourced, x: Range, b: Sourced, y: Range): boolean {
  if (x.end - x.start !== y.end - y.start) return false;
  for (let at = 0; at < x.end - x.start; at += BLOCK) {
    const length = Math.min(BLOCK, x.end - x.start - at);
    const left = a.source.read(x.start + at, x.start + at + length);
    if (!equalBytes(left, b.source.read(y.start + at, y.start + at + length))) return false;
  }
  return true;
}

/** Whether two sources hold the same bytes. */
export const equalSources = (a: Source, b: Source): boolean =>
  equalRanges({ source: a }, whole(a), { source: b }, whole(b));

const whole = ({ size }: Source): Range => ({ start: 0, end: size });
