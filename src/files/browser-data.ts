import { InputError } from "../errors.ts";
import type { Source } from "../onnx/source.ts";

/** Replaces node-data.ts if there is no file system. */
export const filesIn = (place: string, _ending: string): string[] => [place];

/** Replaces node-data.ts if there is no file system. */
export const pooledSource = (_file: string, _kind: string): Source => {
  throw new InputError(
    "this environment has no files; give the data's bytes, a Uint8Array or a Blob.",
  );
};

/** Without a file system, data must fit into memory. */
export const scratch: ((blocks: Iterable<Uint8Array>) => Source) | null = null;
