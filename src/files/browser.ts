import { InputError } from "../errors.ts";
import type { Source } from "../onnx/source.ts";
import type * as Node from "./node.ts";

const refuse = (): never => {
  throw new InputError(
    "this environment cannot open files; give the model's bytes, a Uint8Array or a Blob.",
  );
};

// These replace node.ts if there is no file system.
export const fileSource: typeof Node.fileSource = refuse;
export const openPath: typeof Node.openPath = refuse;
export const writePending: typeof Node.writePending = refuse;
export const temporaryStart: typeof Node.temporaryStart = refuse;
export const isThere: typeof Node.isThere = refuse;
export const writeTogether: typeof Node.writeTogether = refuse;

/** Returns null, because there is no operating system to ask. */
export const freeMemory = (): number | null => null;

/** Returns a time in seconds, because a browser does not show that of the processor. */
export const secondsUsed = (): number => performance.now() / 1000;

/** Returns the SHA-256 of a source in hexadecimal. */
export async function sha256(source: Source): Promise<string> {
  const bytes = new Uint8Array(source.read(0, source.size));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
