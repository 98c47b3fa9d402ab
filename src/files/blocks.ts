import type { Source, Stretch } from "../onnx/source.ts";
import type { PatchedSource } from "../onnx/splices.ts";

/** A block fits the processor's cache, so that it is still cached when it is written. */
const BLOCK = 256 << 10;

/** Yields the source's bytes in blocks; a block is valid until the next one. */
export function* blocks(source: Source): Generator<Uint8Array> {
  const { pieces } = source as Partial<PatchedSource>;
  const buffer = new Uint8Array(BLOCK);
  for (const piece of pieces ?? [{ source, start: 0, end: source.size }])
    if (piece instanceof Uint8Array) yield piece;
    else yield* stretch(piece, buffer);
}

function* stretch({ source, start, end }: Stretch, buffer: Uint8Array) {
  for (let at = start; at < end; at += BLOCK) {
    const to = Math.min(end, at + BLOCK);
    if (!source.fill) yield source.read(at, to);
    else {
      const block = buffer.subarray(0, to - at);
      source.fill(block, at);
      yield block;
    }
  }
}

/** Returns the files that a source is read from. */
export function blockFilesOf(source: Source): string[] {
  if (source.path) return [source.path];
  const { pieces = [] } = source as Partial<PatchedSource>;
  const sources = pieces.flatMap((piece) => (piece instanceof Uint8Array ? [] : [piece.source]));
  return [...new Set(sources)].flatMap(blockFilesOf);
}
