import { InputError, type Range, type Source } from "./source.ts";
import { type PatchedSource, patchedSource, type Splice } from "./splices.ts";

/** How a patched file becomes the original again: what to cut where, and what stood there. */
export interface Undo {
  /** Bytes of the original. */
  readonly size: number;
  /** Places in the patched file, the bytes inserted there, and those removed, as base64. */
  readonly steps: readonly (readonly [at: number, inserted: number, removed: string])[];
}

/** The reverse of splices, in file order, of a source. */
export function undoOf(source: Source, splices: readonly Splice[]): Undo {
  let shift = 0;
  const steps = splices.map(({ start, end, bytes }) => {
    const removed = start === end ? "" : toBase64(source.read(start, end));
    const step = [start + shift, bytes.length, removed] as const;
    shift += bytes.length - (end - start);
    return step;
  });
  return { size: source.size, steps };
}

/**
 * The original, read through the patched file. `tail` is where the patched file's own metadata
 * begins. Throws an InputError where the steps do not fit the file.
 */
export function undone(source: Source, { size, steps }: Undo, tail: Range): PatchedSource {
  const misfit = () =>
    new InputError(
      `${source.name} is not as laurelize wrote it: another tool has rewritten it since; strip the file as it was written.`,
    );
  if (!Number.isSafeInteger(size) || !Array.isArray(steps)) throw misfit();
  let from = 0;
  const back = steps.map((step): Splice => {
    const [at, inserted, removed] = Array.isArray(step) ? step : [];
    if (!Number.isSafeInteger(at) || !Number.isSafeInteger(inserted) || typeof removed !== "string")
      throw misfit();
    if (at < from || inserted < 0 || at + inserted > tail.start) throw misfit();
    from = at + inserted;
    return { start: at, end: from, bytes: fromBase64(removed) };
  });
  const restored = patchedSource(source, [...back, { ...tail, bytes: new Uint8Array() }]);
  if (restored.size !== size) throw misfit();
  return restored;
}

const toBase64 = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes));

const fromBase64 = (text: string) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
