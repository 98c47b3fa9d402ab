import { InputError } from "../errors.ts";
import { contentOf, type Source } from "../onnx/source.ts";
import type * as Node from "./node.ts";
import type * as Data from "./node-data.ts";
import type * as Images from "./node-images.ts";

const refuse = (why: string) => (): never => {
  throw new InputError(`this environment cannot open files${why}.`);
};

const refuseModel = refuse("; give the model's bytes, a Uint8Array or a Blob");

// These replace node.ts if there is no file system.
export const fileSource: typeof Node.fileSource = refuseModel;
export const openPath: typeof Node.openPath = refuseModel;
export const writePending: typeof Node.writePending = refuseModel;
export const temporaryStart: typeof Node.temporaryStart = refuseModel;
export const isThere: typeof Node.isThere = refuseModel;
export const writeTogether: typeof Node.writeTogether = refuseModel;

/** Returns null, because there is no operating system to ask. */
export const freeMemory = (): number | null => null;

/** Returns a time in seconds, because a browser does not show that of the processor. */
export const secondsUsed = (): number => performance.now() / 1000;

/** Returns the SHA-256 of a source in hexadecimal. */
export async function sha256(source: Source): Promise<string> {
  const bytes = new Uint8Array(contentOf(source));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// These replace node-data.ts; data must then fit into memory.
export const npzFilesIn: typeof Data.npzFilesIn = (place) => [place];
export const pooledSource: typeof Data.pooledSource = refuse(
  "; give the data's bytes, a Uint8Array or a Blob",
);
export const scratchWriter: typeof Data.scratchWriter | null = null;
export const scratch: typeof Data.scratch | null = null;
export const pendingFolder: typeof Data.pendingFolder = refuse(
  ", but a step is a folder; export it in Node",
);

/** Refuses tables, because the parser needs Node's buffers. */
export const csvParser: typeof Data.csvParser = async () => {
  throw new InputError("tables of CSV are read in Node; give JSON lines, or arrays in an .npz.");
};

// These replace node-images.ts.
export const imageClasses: typeof Images.imageClasses = () => null;
export const decodedImage: typeof Images.decodedImage = async () =>
  refuse("; give images as arrays")();
