import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

/** One whole child process, from spawn to exit. */
export interface Run {
  readonly seconds: number;
  /** Peak resident memory in MB; NaN where the process is not Node or was killed. */
  readonly peak: number;
  /** Why it failed; null where it did not. */
  readonly failed: string | null;
}

/**
 * Runs a Node script and waits for it. Its peak memory is what the process itself reads as it
 * exits (test/bench/peak.cjs).
 */
export function runNode(folder: string, ...args: string[]): Run {
  const file = path.join(folder, "peak");
  fs.rmSync(file, { force: true });
  const ran = run(process.execPath, ["--require", path.resolve("test/bench/peak.cjs"), ...args], {
    PEAK_FILE: file,
  });
  return fs.existsSync(file) ? { ...ran, peak: Number(fs.readFileSync(file, "utf8")) / 1024 } : ran;
}

/** Runs a command and waits for it. */
export function run(command: string, args: string[], env: Record<string, string> = {}): Run {
  const start = performance.now();
  const { status, signal, stderr, error } = spawnSync(command, args, {
    encoding: "utf8",
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const seconds = (performance.now() - start) / 1000;
  const why = error?.message ?? signal ?? /\w*Error.*/.exec(stderr)?.[0] ?? `exit code ${status}`;
  return { seconds, peak: Number.NaN, failed: status === 0 ? null : why };
}

/** Runs something several times. */
export const times = <T>(count: number, each: () => T): T[] => Array.from({ length: count }, each);

/** The median of several runs, or the run that failed. */
export function repeat(runs: readonly Run[]): Run {
  const failed = runs.find((one) => one.failed !== null);
  if (failed) return failed;
  return {
    seconds: median(runs.map((r) => r.seconds)),
    peak: median(runs.map((r) => r.peak)),
    failed: null,
  };
}

/** The middle of an odd number of figures. */
export const median = (figures: readonly number[]): number =>
  [...figures].sort((a, b) => a - b)[figures.length >> 1];
