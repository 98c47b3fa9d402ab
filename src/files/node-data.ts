import { randomBytes } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { InputError } from "../errors.ts";
import type { Source } from "../onnx/source.ts";
import { fileSource } from "./node.ts";

/**
 * Returns the paths of the files that a path means: itself, or the files with an ending in a
 * folder, by name.
 */
export function filesIn(place: string, ending: string): string[] {
  if (!fs.statSync(place, { throwIfNoEntry: false })?.isDirectory()) return [place];
  const names = fs.readdirSync(place).filter((name) => name.endsWith(ending));
  if (names.length === 0)
    throw new InputError(`${place} does not contain ${ending} files; give another folder or file.`);
  // Sorted by code units, so that the order is the same on every machine.
  return names.sort((a, b) => (a < b ? -1 : 1)).map((name) => path.join(place, name));
}

/** Number of files that stay open between reads. */
const OPEN = 64;
const open = new Map<string, Source>();

/**
 * A file as a source that is opened when it is read; of thousands, only a few are open at a time.
 */
export function pooledSource(file: string, kind: string): Source {
  const { name, size, path: place } = opened(file, kind);
  return {
    name,
    size,
    ...(place ? { path: place } : {}),
    read: (start, end) => opened(file, kind).read(start, end),
    close() {
      open.get(file)?.close?.();
      open.delete(file);
    },
  };
}

function opened(file: string, kind: string): Source {
  const source = open.get(file) ?? fileSource(file, kind);
  // Last in order of use; the least recently read file is closed first.
  open.delete(file);
  open.set(file, source);
  for (const [oldest, { close }] of open) {
    if (open.size <= OPEN) break;
    close?.();
    open.delete(oldest);
  }
  return source;
}

/**
 * Writes blocks into a file in the system's temporary folder and reads from it. Removes the file's
 * name after writing, if the system allows that, so that nothing is left behind.
 */
export function scratch(blocks: Iterable<Uint8Array>): Source {
  const file = path.join(os.tmpdir(), `laurelize-${randomBytes(8).toString("hex")}.data`);
  const remove = () => fs.rmSync(file, { force: true });
  try {
    const handle = fs.openSync(file, "wx");
    try {
      for (const block of blocks)
        for (let done = 0; done < block.length; )
          done += fs.writeSync(handle, block, done, block.length - done);
    } finally {
      fs.closeSync(handle);
    }
    const source = fileSource(file);
    try {
      remove();
    } catch {} // Windows cannot remove an open file; it is removed when it is closed.
    return {
      ...source,
      close() {
        source.close?.();
        remove();
      },
    };
  } catch (error) {
    remove();
    if (error instanceof InputError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new InputError(
      `the data is larger than half of the free memory, and unpacking it into ${os.tmpdir()} fails (${code}); free some space, set TMPDIR, or save the data with numpy.savez, which does not compress it.`,
    );
  }
}
