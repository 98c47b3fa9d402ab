/** A file that is written next to its target, and is renamed when it is whole. */
export interface PendingFile {
  /** Path of the bytes until they are kept. */
  readonly path: string;
  /** What to remove if it is not kept: that file, or a folder that contains it. */
  readonly temporary: string;
  /** Moves the file into place; replaces an existing one. */
  keep(): void;
  /** Removes it. Does nothing after it was kept. */
  discard(): void;
}

/** Returns a pending file: `move` gives it its name and may throw, `remove` deletes it. */
export function pendingFile(
  path: string,
  temporary: string,
  move: () => void,
  remove: () => void,
): PendingFile {
  let open = true;
  const discard = () => {
    if (open) remove();
    open = false;
  };
  const keep = () => {
    try {
      move();
    } catch (error) {
      discard();
      throw error;
    }
    open = false;
  };
  return { path, temporary, keep, discard };
}
