import { sha256 } from "#node";
import { type Npz, openNpz, type StoredArray } from "../../src/formats/npz.ts";
import { widthOf } from "../../src/graph/tensor.ts";
import { elements } from "../../src/onnx/dtypes.ts";
import { bytesSource, type Source } from "../../src/onnx/source.ts";

/** Arrays by name, of one file or folder of a dataset. */
export interface ArrayFile extends Npz {
  /** The name that errors use. */
  readonly name: string;
  /** The path of the file, if its uncompressed arrays can be read in it. */
  readonly source: Source | null;
  /** Names of the classes, in the order of their labels, by the array of the labels. */
  readonly classes?: Readonly<Record<string, readonly string[]>> | undefined;
  /** Whether its arrays are images with the channels last. */
  readonly isImages?: boolean | undefined;
  /** What is to be known of how it was read, a sentence each. */
  readonly notes?: readonly string[] | undefined;
  /** SHA-256 of its content. */
  digest(): Promise<string>;
  close(): void;
}

/** Returns the arrays of an .npz; one of more than `free` bytes is not loaded. */
export function npzFile(source: Source, free: number | null): ArrayFile {
  return {
    ...openNpz(source, free),
    name: source.name,
    source,
    digest: () => sha256(source),
    close: () => source.close?.(),
  };
}

/** Returns arrays at hand as those of a file of this name. */
export const arraysAtHand = (name: string, arrays: readonly StoredArray[]) => ({
  name,
  names: arrays.map((array) => array.name),
  array: (wanted: string) => arrays.find((array) => array.name === wanted)!,
  source: null,
});

/** Bytes at which an array is read block by block. */
const BLOCK = 1 << 20;

/** Returns an array whose values are at hand, in memory or in a scratch file. */
export function arrayAtHand(
  { name, dtype, dims }: Pick<StoredArray, "name" | "dtype" | "dims">,
  range: (start: number, end: number) => Uint8Array,
): StoredArray {
  const size = elements(dims) * widthOf(dtype);
  function* blocks() {
    for (let at = 0; at < size; at += BLOCK) yield range(at, Math.min(size, at + BLOCK));
  }
  return { name, dtype, dims, size, at: null, range, load: () => range(0, size), blocks };
}

/** Returns the only digest, or the SHA-256 of several in order, joined by commas. */
export const digestOf = async (digests: readonly string[]): Promise<string> =>
  digests.length === 1
    ? digests[0]
    : sha256(bytesSource(new TextEncoder().encode(digests.join()), "digests"));
