import { InputError } from "../errors.ts";
import type { Folder } from "../onnx/model-file.ts";
import type { Source } from "../onnx/source.ts";
import type { PendingFile } from "./pending.ts";

const refuse = (): never => {
  throw new InputError(
    "this environment cannot open files; give the model's bytes, a Uint8Array or a Blob.",
  );
};

/** Replaces node.ts if there is no file system. */
export const fileSource: (file: string, kind?: string) => Source = refuse;

/** Replaces node.ts if there is no file system. */
export const openPath: (file: string, trustLinks: boolean) => { source: Source; folder: Folder } =
  refuse;

/** Replaces node.ts if there is no file system. */
export const writePending: (source: Source, target: string) => PendingFile = refuse;

/** Replaces node.ts if there is no file system. */
export const isThere: (source: Source, target: string, beside: string) => boolean = refuse;

/** Replaces node.ts if there is no file system. */
export const writeTogether: (
  source: Source,
  others: ReadonlyMap<string, Source>,
  target: string,
  present?: readonly string[],
) => PendingFile = refuse;

/** Unknown without an operating system to ask. */
export const freeMemory = (): number | null => null;

/** Returns the SHA-256 of a source in hexadecimal. */
export async function sha256(source: Source): Promise<string> {
  const bytes = new Uint8Array(source.read(0, source.size));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
