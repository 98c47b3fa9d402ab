import fs from "node:fs";
import path from "node:path";

/** Milliseconds after which a lock is what a killed process has left: files are moved in few. */
const STALE = 5000;
/** Milliseconds between two attempts. */
const PAUSE = 10;

/**
 * Runs what moves files to a target while no other process does so there, because a model and its
 * data file must be of one run. Waits for the other.
 */
export function alone<T>(target: string, move: () => T): T {
  const lock = path.join(path.dirname(path.resolve(target)), `.${nameOf(target)}.lock`);
  for (let waited = 0; !taken(lock); waited += PAUSE) {
    if (waited >= STALE) fs.rmSync(lock, { recursive: true, force: true });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);
  }
  try {
    return move();
  } finally {
    fs.rmSync(lock, { recursive: true, force: true });
  }
}

const nameOf = (target: string) => path.basename(target).slice(0, 50);

/** Whether a lock could be taken. Throws if its folder cannot be written into. */
function taken(lock: string): boolean {
  try {
    fs.mkdirSync(lock);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}
