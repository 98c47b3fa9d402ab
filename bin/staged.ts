import { spawn } from "node:child_process";
import { type Model, stageModel } from "../src/index.ts";

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/**
 * Writes a model under a temporary name, which is gone when this process ends without having kept
 * it, however it ends. A signal that comes while it is written is answered when it is written; one
 * that comes later ends the process at once, also where onnxruntime is running.
 */
export async function staged(model: Model, output: string) {
  const answers = Object.entries(SIGNALS).map(
    ([signal, number]) => [signal, () => process.exit(128 + number)] as const,
  );
  for (const [signal, answer] of answers) process.once(signal, answer);
  const pending = stageModel(model, output);
  process.once("exit", pending.discard);
  sweepAfterwards(pending.temporary);
  await new Promise(setImmediate);
  for (const [signal, answer] of answers) process.off(signal, answer);
  return pending;
}

/**
 * Leaves the removal to another process, which waits for the end of this one: a process that runs
 * native code hears no signal, and one that is killed can do nothing any more.
 */
function sweepAfterwards(path: string): void {
  if (process.platform === "win32") return;
  const broom = spawn("/bin/sh", ["-c", 'cat; rm -rf -- "$1"', "sh", path], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  broom.on("error", () => {});
  broom.unref();
  (broom.stdin as unknown as { unref(): void }).unref();
}
