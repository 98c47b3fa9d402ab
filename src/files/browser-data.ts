import { InputError } from "../errors.ts";
import type { Source } from "../onnx/source.ts";

/** Replaces node-data.ts if there is no file system. */
export const filesIn = (place: string, _ending: string): string[] => [place];

/** Replaces node-data.ts if there is no file system. */
export const pooledSource = (_file: string, _kind: string): Source => {
  throw new InputError(
    "this environment cannot open files; give the data's bytes, a Uint8Array or a Blob.",
  );
};

/** Without a file system, data must fit into memory. */
export const scratchWriter: (() => ScratchWriter) | null = null;

/** A scratch file that is written bit by bit, and then read from. */
interface ScratchWriter {
  write(block: Uint8Array): void;
  finish(): Source;
  discard(): void;
}

/** Without a file system, data must fit into memory. */
export const scratch: ((blocks: Iterable<Uint8Array>) => Source) | null = null;

/** Replaces node-data.ts if there is no file system. */
export const pendingFolder = (
  _target: string,
  _how: { readonly mark: string; readonly replaces: boolean },
): {
  readonly path: string;
  readonly pathTo: (folder: string) => string;
  keep(): void;
  discard(): void;
} => {
  throw new InputError(
    "this environment cannot open files, but a step is a folder; export it in Node.",
  );
};

/** Replaces node-data.ts: the parser needs Node's buffers. */
export const csvParser = async (): Promise<(text: string, delimiter: string) => string[][]> => {
  throw new InputError("tables of CSV are read in Node; give JSON lines, or arrays in an .npz.");
};
