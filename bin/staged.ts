import { spawn } from "node:child_process";
import type { Model } from "../src/index.ts";
import { stageModel } from "../src/internal.ts";
import { tell } from "./supervision.ts";

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/**
 * Writes a model, and files beside it by name, under temporary names, which are gone when this
 * process ends without having kept them, however it ends. A signal that comes while they are
 * written or get their names is answered afterwards; one that comes in between ends the process at
 * once, also where onnxruntime is running.
 */
export async function staged(
  model: Model,
  output: string,
  beside: ReadonlyMap<string, Uint8Array> = new Map(),
) {
  const answers = Object.entries(SIGNALS).map(
    ([signal, number]) => [signal, () => process.exit(128 + number)] as const,
  );
  const hold = () => answers.map(([signal, answer]) => process.once(signal, answer));
  const release = () => answers.map(([signal, answer]) => process.off(signal, answer));
  hold();
  const pending = stageModel(model, output, beside);
  const discard = () => {
    process.off("exit", discard);
    pending.discard();
  };
  process.once("exit", discard);
  tell({ temporary: pending.temporary });
  sweepAfterwards(pending.temporary);
  await new Promise(setImmediate);
  release();
  const keep = () => {
    hold();
    try {
      pending.keep();
    } finally {
      process.off("exit", discard);
      release();
    }
  };
  return { ...pending, keep, discard };
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
