import { InputError, tried } from "../errors.ts";
import { textOfCodes } from "./bytes.ts";
import { FIELD } from "./messages.ts";
import { entryIn } from "./model-file.ts";
import { bytesSource, type Range, type Source } from "./source.ts";
import { type Piece, patchedSource, pieceLength, type Splice } from "./splices.ts";
import { BYTES, WireReader } from "./wire.ts";

/** Bytes that were removed: as base64, or their number in the original file. */
type Removed = string | number;

/** How to turn a patched file back into the original: what to cut, and what to put back. */
export interface Undo {
  /** Size of the original in bytes. */
  readonly size: number;
  /** Positions in the patched file, the number of bytes inserted there, and the bytes removed. */
  readonly steps: readonly (readonly [at: number, inserted: number, removed: Removed])[];
  /** The original's name, if long removed ranges are read from it instead of being kept. */
  readonly beside?: string;
}

/** Size in bytes above which a removed range is referred to instead of kept, if it is in a file. */
const KEPT = 512;
/** Bytes at both ends that represent a range that is referred to. */
const SAMPLE = 4096;

/**
 * Returns the reverse of splices in file order. If the original stays `beside` the result, long
 * removed ranges are read from it instead of being kept.
 */
export function undoOf(source: Source, splices: readonly Splice[], beside: boolean): Undo {
  let shift = 0;
  const steps = splices.map(({ start, end, bytes }) => {
    const far = beside && end - start > KEPT;
    const removed = far
      ? end - start
      : start === end
        ? ""
        : btoa(textOfCodes(source.read(start, end)));
    const step = [start + shift, pieceLength(bytes), removed] as const;
    shift += pieceLength(bytes) - (end - start);
    return step;
  });
  const { name, size } = source;
  const refers = steps.some(([, , removed]) => typeof removed === "number");
  return { size, steps, ...(refers ? { beside: name } : {}) };
}

/**
 * Returns the original, read through the patched file and, for ranges that are referred to, through
 * the original file. `tail` is the start of the patched file's own metadata. Throws an InputError
 * if the steps do not match the files.
 */
export function undone(
  source: Source,
  { size, steps, beside }: Undo,
  tail: Range,
  open: (file: string) => Source,
): Source {
  const misfit = () =>
    new InputError(
      `${source.name} was rewritten by another tool after laurelize wrote it; strip the file that laurelize wrote.`,
    );
  if (!Number.isSafeInteger(size) || !Array.isArray(steps)) throw misfit();
  if (beside !== undefined && typeof beside !== "string") throw misfit();
  const other = beside === undefined ? null : open(beside);
  if (other && other.size !== size) throw altered(source, other);
  let [from, shift] = [0, 0];
  const back = steps.map((step): Splice => {
    const [at, inserted, removed] = Array.isArray(step) ? step : [];
    if (!Number.isSafeInteger(at) || !Number.isSafeInteger(inserted)) throw misfit();
    if (at < from || inserted < 0 || at + inserted > tail.start) throw misfit();
    from = at + inserted;
    const bytes = restored(removed, at - shift, other);
    if (bytes === null) throw misfit();
    shift += inserted - pieceLength(bytes);
    return { start: at, end: from, bytes };
  });
  const result = patchedSource(source, [...back, { ...tail, bytes: new Uint8Array() }]);
  if (result.size !== size) throw misfit();
  return result;
}

/** Returns the error for a result whose original file has changed. */
export const altered = ({ name }: Source, other: Pick<Source, "name">) =>
  new InputError(
    `${name} refers to weights in ${other.name}, which was changed or replaced since then; put the original file back next to ${name}.`,
  );

function restored(removed: unknown, start: number, other: Source | null): Piece | null {
  if (typeof removed === "string") return fromBase64(removed);
  const end = start + (Number.isSafeInteger(removed) ? (removed as number) : Number.NaN);
  return other && start >= 0 && end >= start && end <= other.size
    ? { source: other, start, end }
    : null;
}

/** Returns the sample to hash: the original without the middles of ranges referred to. */
export function sampled(original: Source, { steps }: Undo): Source {
  let shift = 0;
  const cuts: Splice[] = [];
  for (const [at, inserted, removed] of steps) {
    const length = typeof removed === "string" ? fromBase64(removed)!.length : removed;
    const [start, end] = [at - shift + SAMPLE, at - shift + length - SAMPLE];
    if (typeof removed === "number" && end > start)
      cuts.push({ start, end, bytes: new Uint8Array() });
    shift += inserted - length;
  }
  return patchedSource(original, cuts);
}

/** Decodes base64; returns null if the text is not base64. */
export const fromBase64 = (text: string): Uint8Array | null =>
  tried(() => Uint8Array.from(atob(text), (char) => char.charCodeAt(0)));

/** Maximum size in bytes of an entry of external_data. */
const LONGEST_ENTRY = 1 << 16;

/**
 * Returns the data files that undoing a patch renames: their names in the original by their names
 * in the patched file. Neither name is validated.
 */
export function relocations(source: Source, { steps }: Undo): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const [at, inserted, removed] of steps) {
    if (typeof removed !== "string" || inserted > LONGEST_ENTRY) continue;
    const now = locationIn(source.read(at, at + inserted));
    const before = now === null ? null : locationIn(fromBase64(removed)!);
    if (now !== null && before !== null && now !== before) names.set(now, before);
  }
  return names;
}

/** Returns the location that bytes encode, if they are exactly one entry of external_data. */
const locationIn = (bytes: Uint8Array): string | null =>
  tried(() => {
    if (bytes.length === 0 || bytes.length > LONGEST_ENTRY) return null;
    const reader = new WireReader(bytesSource(bytes));
    const [field, more] = [...reader.fields({ start: 0, end: bytes.length })];
    if (more || field.number !== FIELD.tensorExternalData || field.wire !== BYTES) return null;
    const { key, value } = entryIn(reader, field);
    return key === "location" ? value : null;
  });
