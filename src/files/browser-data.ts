import { InputError } from "../errors.ts";
import type { Source } from "../onnx/source.ts";

/** Stands in for node-data.ts where there is no file system. */
export const filesIn = (place: string, _ending: string): string[] => [place];

/** Stands in for node-data.ts where there is no file system. */
export const pooledSource = (_file: string, _kind: string): Source => {
  throw new InputError("there are no files here; give the data's bytes, a Uint8Array or a Blob.");
};

/** There is no place for what does not fit into memory where there is no file system. */
export const scratch: ((blocks: Iterable<Uint8Array>) => Source) | null = null;
