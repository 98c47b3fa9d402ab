/** A file that is not yet there: written beside its target under another name, then renamed. */
export interface PendingFile {
  /** Where the bytes lie until they are kept. */
  readonly path: string;
  /** What is to be removed where it is not kept: that file, or a folder with it. */
  readonly temporary: string;
  /** Gives the file its name, replacing what was there. */
  keep(): void;
  /** Removes it. Does nothing once it is kept. */
  discard(): void;
}

/** A pending file: `move` gives it its name and may throw, `remove` takes it away. */
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
