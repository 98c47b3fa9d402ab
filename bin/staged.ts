import fs from "node:fs";
import path from "node:path";
import { stageModel, temporaryStart } from "../passes/internal.ts";
import type { Model } from "../src/index.ts";
import { checkFree } from "./output.ts";
import { runAfterwards } from "./run-afterwards.ts";
import { tell } from "./supervision.ts";

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** Delays signals: those that arrive before the returned function is called end the process. */
function hold(signals: readonly (keyof typeof SIGNALS)[] = ["SIGHUP", "SIGINT", "SIGTERM"]) {
  const answers = signals.map(
    (signal) => [signal, () => process.exit(128 + SIGNALS[signal])] as const,
  );
  for (const [signal, answer] of answers) process.once(signal, answer);
  return () => {
    for (const [signal, answer] of answers) process.off(signal, answer);
  };
}

/** Writes, and answers hangups and terminations afterwards, so that no temporary file stays. */
export function writeHeld(write: () => void): void {
  const release = hold(["SIGHUP", "SIGTERM"]);
  try {
    write();
  } finally {
    setImmediate(release);
  }
}

/** Removes a temporary file or folder when this process ends, however it ends. */
export function removeAfterwards(temporary: string): void {
  tell({ temporary });
  runAfterwards('rm -rf -- "$1"', temporary);
}

/** Removes temporary files of a target when this process ends, however it ends. */
export function removeBegun(target: string): void {
  runAfterwards('rm -f -- "$1"*.tmp', temporaryStart(target));
}

/** A model that is written under temporary names. */
export type StagedModel = Awaited<ReturnType<typeof staged>>;

/**
 * Writes a model, and files beside it by name, under temporary names. They are removed if this
 * process ends without having kept them. A signal that arrives while they are written or renamed is
 * answered afterwards; one in between ends the process at once, even in onnxruntime. Without
 * `force`, a file that another process has written meanwhile is not replaced.
 */
export async function staged(
  model: Model,
  output: string,
  force: boolean,
  beside: ReadonlyMap<string, Uint8Array> = new Map(),
) {
  const release = hold();
  const pending = stageModel(model, output, beside);
  const discard = () => {
    process.off("exit", discard);
    pending.discard();
  };
  process.once("exit", discard);
  removeAfterwards(pending.temporary);
  await new Promise(setImmediate);
  release();
  const keep = () => {
    const release = hold();
    try {
      checkFree(output, [], force);
      pending.keep();
    } finally {
      discard();
      release();
    }
  };
  /** Returns where each file lies until it gets its name. */
  const files = () => {
    const { path: file, temporary } = pending;
    const beside = file === temporary ? [] : fs.readdirSync(temporary, { withFileTypes: true });
    const others = beside.filter((entry) => entry.isFile() && entry.name !== path.basename(file));
    const home = path.dirname(output);
    const places = others.map(
      ({ name }) => [path.join(home, name), path.join(temporary, name)] as const,
    );
    return new Map([[output, file], ...places]);
  };
  return { ...pending, keep, discard, files };
}
