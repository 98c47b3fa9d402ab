import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { tried } from "../src/errors.ts";

/** A way to import onnxruntime-web, the script that it loads and the wasm file that this fetches. */
export interface WebEntry {
  readonly entry: string;
  /** Its script in the dist folder that fetches a wasm file. */
  readonly script: string;
  readonly wasm: string;
  readonly bytes: number;
}

/** What is read of the installed onnxruntime-web. */
export interface WebPackage {
  readonly version: string;
  readonly dist: string;
  readonly entries: readonly WebEntry[];
  /** Its table of WebGPU kernels; null if it has none. */
  readonly kernels: string | null;
}

/** Reads the onnxruntime-web that a module, by default this one, imports; null if there is none. */
export function webPackage(from: string = import.meta.url): WebPackage | null {
  const script = tried(() => createRequire(from).resolve("onnxruntime-web"));
  if (script === null) return null;
  const dist = path.dirname(script);
  const root = path.dirname(dist);
  const { version, exports } = JSON.parse(
    fs.readFileSync(path.join(root, "package.json"), "utf8"),
  ) as { version: string; exports: Record<string, unknown> };
  const table = path.join(root, "docs/webgpu-operators.md");
  return {
    version,
    dist,
    entries: Object.entries(exports).flatMap(([name, targets]) => entryOf(dist, name, targets)),
    kernels: fs.existsSync(table) ? fs.readFileSync(table, "utf8") : null,
  };
}

/** What an entry of the package's exports loads in a browser; nothing if it fetches no wasm file. */
function entryOf(dist: string, name: string, targets: unknown): WebEntry[] {
  const { import: given } = (targets ?? {}) as { import?: unknown };
  const extern = (given as Record<string, string> | undefined)?.["onnxruntime-web-use-extern-wasm"];
  if (!extern) return [];
  const script = path.basename(extern);
  const text = fs.readFileSync(path.join(dist, script), "utf8");
  const [, loader] = /"(ort-wasm-simd-threaded[\w.]*)\.mjs"/.exec(text) ?? [];
  if (!loader) return [];
  const wasm = `${loader}.wasm`;
  const { size } = fs.statSync(path.join(dist, wasm));
  return [{ entry: path.posix.join("onnxruntime-web", name), script, wasm, bytes: size }];
}
