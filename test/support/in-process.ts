import { spawn } from "node:child_process";
import path from "node:path";
import { build } from "esbuild";
import type { Outcome, RunOptions } from "./api-run.ts";
import { ENGINE_FLAGS } from "./engine-flags.ts";

const root = path.join(import.meta.dirname, "../..");
const script = path.join(root, "dist/test/api-run-child.mjs");

/** Bundles the script that such a process runs; packages stay outside it. */
export const bundleChild = () =>
  build({
    entryPoints: [path.join(import.meta.dirname, "api-run-child.ts")],
    bundle: true,
    platform: "node",
    packages: "external",
    format: "esm",
    logLevel: "silent",
    outfile: script,
  });

/** What the API makes of each model in a process of its own under one runtime. */
export async function inProcess(
  runtime: "node" | "web" | "wasm",
  files: readonly string[],
  options: RunOptions = {},
): Promise<Map<string, Outcome | { readonly error: string }>> {
  const args = [...ENGINE_FLAGS, script, runtime, JSON.stringify(options), ...files];
  const child = spawn(process.execPath, args, { cwd: root });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const code = await new Promise((resolve) => child.on("close", resolve));
  const lines = stdout.split("\n").filter(Boolean);
  const all = lines.map(
    (line) => JSON.parse(line) as { file: string; outcome: Outcome; error?: string },
  );
  const given = new Map(all.map(({ file, outcome, error }) => [file, error ? { error } : outcome]));
  for (const file of files)
    if (!given.has(file))
      given.set(file, { error: `the process ended (${code}): ${stderr.slice(-400)}` });
  return given;
}
