import { sha256 } from "../passes/internal.ts";
import type { Model } from "../src/index.ts";

/** Returns the SHA-256 of a file that was opened for it, in hexadecimal. */
export async function hashOf(file: Model["source"]): Promise<string> {
  try {
    return await sha256(file);
  } finally {
    file.close?.();
  }
}
