import type { Model } from "../src/index.ts";
import { stageModel } from "../src/internal.ts";
import { runAfterwards } from "./run-afterwards.ts";
import { tell } from "./supervision.ts";

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/**
 * Writes a model, and files beside it by name, under temporary names, which are gone when this
 * process ends without having kept them, however it ends. A signal that comes while they are
 * written or get their names is answered afterwards; one that comes in between ends the process at
 * once, also while onnxruntime is running.
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
  runAfterwards('rm -rf -- "$1"', pending.temporary);
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
