import { InputError } from "../errors.ts";
import type * as Node from "./node-data.ts";

const refuse = (why: string) => (): never => {
  throw new InputError(why);
};

// These replace node-data.ts if there is no file system; data must then fit into memory.
export const npzFilesIn: typeof Node.npzFilesIn = (place) => [place];
export const pooledSource: typeof Node.pooledSource = refuse(
  "this environment cannot open files; give the data's bytes, a Uint8Array or a Blob.",
);
export const scratchWriter: typeof Node.scratchWriter | null = null;
export const scratch: typeof Node.scratch | null = null;
export const pendingFolder: typeof Node.pendingFolder = refuse(
  "this environment cannot open files, but a step is a folder; export it in Node.",
);

/** The parser needs Node's buffers. */
export const csvParser: typeof Node.csvParser = async () =>
  refuse("tables of CSV are read in Node; give JSON lines, or arrays in an .npz.")();
