import { spawnSync } from "node:child_process";
import path from "node:path";

const bin = path.join(import.meta.dirname, "../../dist/bin/laurelize.js");

/** What the built command line did. */
export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built command line as its users do. */
export function cli(args: readonly string[], env: Record<string, string> = {}): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], {
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1", ...env },
    timeout: 120_000,
  });
  return { code: status, stdout, stderr };
}
