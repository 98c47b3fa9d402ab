import fs from "node:fs";
import { createRequire } from "node:module";

/** The version of the installed onnxruntime-node; null if there is none. */
export function runtimeVersion(): string | null {
  try {
    const file = createRequire(import.meta.url).resolve("onnxruntime-node/package.json");
    return (JSON.parse(fs.readFileSync(file, "utf8")) as { version: string }).version;
  } catch {
    return null;
  }
}
