import type { Hash } from "node:crypto";
import fs from "node:fs";

/** Number of bytes that are read at a time. */
const BLOCK = 1 << 22;

/** Adds the bytes of a file to a hash, which is returned. */
export function hashFile(hash: Hash, file: string): Hash {
  const open = fs.openSync(file, "r");
  try {
    const block = Buffer.alloc(BLOCK);
    for (let read = 1; read > 0; ) {
      read = fs.readSync(open, block, 0, BLOCK, null);
      hash.update(block.subarray(0, read));
    }
  } finally {
    fs.closeSync(open);
  }
  return hash;
}
