import type { PendingFile } from "./node.ts";
import type { Folder } from "./onnx/model-file.ts";
import { InputError, type Source } from "./onnx/source.ts";

const refuse = (): never => {
  throw new InputError("there are no files here; give the model's bytes, a Uint8Array or a Blob.");
};

/** Stands in for node.ts where there is no file system. */
export const openPath: (file: string, trustLinks: boolean) => { source: Source; folder: Folder } =
  refuse;

/** Stands in for node.ts where there is no file system. */
export const writePending: (source: Source, target: string) => PendingFile = refuse;

export type { PendingFile } from "./node.ts";
