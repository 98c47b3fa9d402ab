import fs from "node:fs";
import path from "node:path";
import { InputError } from "../errors.ts";

/** Milliseconds to wait for another process, which moves its files in a few. */
const PATIENCE = 5000;
/** Milliseconds between two attempts. */
const PAUSE = 10;

/**
 * Runs what moves a model and its data files to a target while no other process does so there,
 * because they must be of one run. Waits for the other; throws an InputError if it does not end.
 */
export function alone<T>(target: string, move: () => T, patience = PATIENCE): T {
  const name = `.${path.basename(target).slice(0, 50)}.lock`;
  const lock = path.join(path.dirname(path.resolve(target)), name);
  for (let waited = 0; !taken(lock); waited += PAUSE) {
    if (waited >= patience)
      throw new InputError(
        `${target} is being written by another process; try again, or remove ${lock} if there is none.`,
      );
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);
  }
  try {
    return move();
  } finally {
    fs.rmdirSync(lock);
  }
}

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
