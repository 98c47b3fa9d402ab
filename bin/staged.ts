import fs from "node:fs";
import path from "node:path";
import type { Model } from "../src/index.ts";
import { stageModel, temporaryStart } from "../src/internal.ts";
import { checkFree } from "./output.ts";
import { runAfterwards } from "./run-afterwards.ts";
import { tell } from "./supervision.ts";

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** Answers signals later: those that come before the returned function is called end the process. */
function hold(signals: readonly (keyof typeof SIGNALS)[] = ["SIGHUP", "SIGINT", "SIGTERM"]) {
  const answers = signals.map(
    (signal) => [signal, () => process.exit(128 + SIGNALS[signal])] as const,
  );
  for (const [signal, answer] of answers) process.once(signal, answer);
  return () => {
    for (const [signal, answer] of answers) process.off(signal, answer);
  };
}

/**
 * Writes at once, and answers signals that come meanwhile afterwards, so that no temporary file
 * stays; interrupts are left to whoever counts them.
 */
export function writeHeld(write: () => void): void {
  const release = hold(["SIGHUP", "SIGTERM"]);
  try {
    write();
  } finally {
    setImmediate(release);
  }
}

/** Lets a temporary file or folder be gone when this process ends, however it ends. */
export function removeAfterwards(temporary: string): void {
  tell({ temporary });
  runAfterwards('rm -rf -- "$1"', temporary);
}

/** Does the same for all that this process may have begun to write as a target. */
export function removeBegun(target: string): void {
  runAfterwards('rm -f -- "$1"*.tmp', temporaryStart(target));
}

/** A model that is written under temporary names. */
export type StagedModel = Awaited<ReturnType<typeof staged>>;

/**
 * Writes a model, and files beside it by name, under temporary names, which are gone when this
 * process ends without having kept them, however it ends. A signal that comes while they are
 * written or get their names is answered afterwards; one that comes in between ends the process at
 * once, also while onnxruntime is running. Without `force`, a file that another process has written
 * meanwhile is not replaced.
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
