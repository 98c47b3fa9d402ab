import { firstFrom } from "../entry.ts";
import { concat } from "./bytes.ts";
import type { Frame } from "./decode.ts";
import type { Edit } from "./edits.ts";
import { originOf, type Range, type Source, type Stretch } from "./source.ts";
import { varint } from "./wire-writer.ts";

/** A piece of patched bytes: a range of a source, or new bytes. */
export type Piece = Stretch | Uint8Array;

/** Bytes that replace a range of a source; an insertion if the range is empty. */
export interface Splice extends Range {
  readonly bytes: Piece;
}

/**
 * Turns edits into splices in file order, and updates the length prefixes of every enclosing
 * message. Edits at one position keep their order, inner messages first, because several messages
 * may end at one byte.
 */
export function splices(edits: readonly Edit[]): Splice[] {
  const growth = new Map<Frame, number>();
  const grow = (frame: Frame, by: number) => growth.set(frame, (growth.get(frame) ?? 0) + by);
  for (const edit of edits) grow(edit.frame, growthBy(edit));
  for (const { frame } of edits) for (let f = frame.parent; f; f = f.parent) grow(f, 0);

  const prefixes: Replacement[] = [];
  for (const frame of [...growth.keys()].sort((a, b) => b.depth - a.depth)) {
    const by = growth.get(frame) ?? 0;
    if (by === 0 || frame.parent === null) continue;
    const bytes = varint(frame.end - frame.start + by);
    prefixes.push({ start: frame.prefix, end: frame.start, bytes });
    grow(frame.parent, by + bytes.length - (frame.start - frame.prefix));
  }
  const inner = [...edits].sort((a, b) => b.frame.depth - a.frame.depth);
  return joined([...inner, ...prefixes].sort((a, b) => a.start - b.start || a.end - b.end));
}

type Replacement = Range & { readonly bytes: Uint8Array };

/** Size in bytes up to which insertions at one position are merged. */
const SHORT = 1 << 15;

/** Returns the splices in file order, with short insertions at one position merged. */
function joined(list: readonly Replacement[]): Replacement[] {
  const merged: Replacement[] = [];
  for (let k = 0; k < list.length; ) {
    const { start, end, bytes } = list[k++];
    const parts = [bytes];
    let length = bytes.length;
    for (; end === start && list[k]?.start === start && list[k].end === start; k++) {
      length += list[k].bytes.length;
      if (length > SHORT) break;
      parts.push(list[k].bytes);
    }
    merged.push({ start, end, bytes: parts.length === 1 ? bytes : concat(parts) });
  }
  return merged;
}

/** Returns the pieces of the patched bytes. */
export function pieces(source: Source, list: readonly Splice[]): Piece[] {
  const kept: Piece[] = [];
  let at = 0;
  for (const { start, end, bytes } of list) {
    if (start < at) throw new Error(`patches overlap at byte ${start}`);
    if (start > at) kept.push({ source, start: at, end: start });
    if (pieceLength(bytes) > 0) kept.push(bytes);
    at = end;
  }
  if (at < source.size) kept.push({ source, start: at, end: source.size });
  return kept;
}

/** A patched source: reads as if the splices were applied, without copying anything. */
export interface PatchedSource extends Source {
  readonly pieces: readonly Piece[];
}

/** Returns a source that reads as if the splices were applied. */
export function patchedSource(base: Source, list: readonly Splice[]): PatchedSource {
  const parts = pieces(base, list);
  const starts: number[] = [];
  let size = 0;
  for (const piece of parts) {
    starts.push(size);
    size += pieceLength(piece);
  }
  const pieceAt = (start: number) => firstFrom(starts.length, (k) => starts[k] > start) - 1;
  const read = (start: number, end: number): Uint8Array => {
    if (start >= end) return new Uint8Array();
    const k = pieceAt(start);
    const [piece, from] = [parts[k], start - starts[k]];
    if (end <= starts[k] + pieceLength(piece)) return partOf(piece, from, from + end - start);
    const bytes = new Uint8Array(end - start);
    fill(bytes, start);
    return bytes;
  };
  // Without an array for each piece, which may be nearly all of a patched source below.
  const fill = (bytes: Uint8Array, start: number): void => {
    let k = pieceAt(start);
    for (let at = start; at < start + bytes.length; k++) {
      const to = Math.min(start + bytes.length, starts[k] + pieceLength(parts[k]));
      const [piece, from] = [parts[k], at - starts[k]];
      const target = bytes.subarray(at - start, to - start);
      if (!(piece instanceof Uint8Array) && piece.source.fill)
        piece.source.fill(target, piece.start + from);
      else target.set(partOf(piece, from, from + to - at));
      at = to;
    }
  };
  const origin = ({ start, end }: Range): Stretch | null => {
    const k = pieceAt(start);
    const piece = parts[k];
    if (piece instanceof Uint8Array || end > starts[k] + pieceLength(piece)) return null;
    const shift = piece.start - starts[k];
    return originOf(piece.source, { start: start + shift, end: end + shift });
  };
  return { name: base.name, size, read, fill, origin, pieces: parts };
}

const partOf = (piece: Piece, from: number, to: number) =>
  piece instanceof Uint8Array
    ? piece.subarray(from, to)
    : piece.source.read(piece.start + from, piece.start + to);

/** Returns the size of a source after splices. */
export const sizeAfter = ({ size }: Source, list: readonly Splice[]) =>
  list.reduce((sum, splice) => sum + growthBy(splice), size);

const growthBy = ({ start, end, bytes }: Splice) => pieceLength(bytes) - (end - start);

/** Returns the length of a piece in bytes. */
export const pieceLength = (piece: Piece) =>
  piece instanceof Uint8Array ? piece.length : piece.end - piece.start;
