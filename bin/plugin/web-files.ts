import path from "node:path";
import { UsageError } from "../failure.ts";
import { webPackage } from "../web-package.ts";

/** The files that an entry of onnxruntime-web fetches, by their places in `ort.env.wasm.wasmPaths`. */
export interface WebFiles {
  readonly mjs: string;
  readonly wasm: string;
}

/**
 * Finds the files that an entry of onnxruntime-web, as installed for a project, fetches. Throws a
 * UsageError if there is no such entry.
 */
export function webFiles(entry: string, root: string): WebFiles {
  const installed =
    webPackage(path.join(path.resolve(root), "package.json")) ?? webPackage(import.meta.url);
  if (!installed)
    throw new UsageError(
      "option wasm of the laurelize plugin needs onnxruntime-web, which is not installed; run npm install onnxruntime-web.",
    );
  const match = installed.entries.find((candidate) => candidate.entry === entry);
  if (!match)
    throw new UsageError(
      `option wasm of the laurelize plugin names ${entry}, which does not load a wasm file; choose one of ${installed.entries.map((candidate) => candidate.entry).join(", ")}.`,
    );
  const wasm = path.join(installed.dist, match.wasm);
  return { mjs: wasm.replace(/\.wasm$/, ".mjs"), wasm };
}
