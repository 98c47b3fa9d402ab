import { randomBytes } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { InputError } from "../errors.ts";
import type { Source } from "../onnx/source.ts";
import { fileSource } from "./node.ts";

/** The paths of files that a path stands for: its own, or those of an ending in a folder, by name. */
export function filesIn(place: string, ending: string): string[] {
  if (!fs.statSync(place, { throwIfNoEntry: false })?.isDirectory()) return [place];
  const names = fs.readdirSync(place).filter((name) => name.endsWith(ending));
  if (names.length === 0)
    throw new InputError(`${place} holds no ${ending} file; give another folder or file.`);
  // By code units, so that the order is the same on every machine.
  return names.sort((a, b) => (a < b ? -1 : 1)).map((name) => path.join(place, name));
}

/** Files that stay open between reads, of all that are read from. */
const OPEN = 64;
const open = new Map<string, Source>();

/** A file as a source that is opened as it is read: of thousands, a few are open at a time. */
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
  // What was read last stands last, and what has not been read for longest is closed.
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
 * Writes blocks into a file in the system's temporary folder and reads from it. The file has no
 * name any more once it is written, where the system allows that, so that nothing is left behind.
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
    } catch {} // Windows removes no file that is open: it goes when it is closed.
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
      `the data is larger than half of the free memory, and unpacking it into ${os.tmpdir()} fails (${code}); make room, set TMPDIR, or save the data with numpy.savez, which does not compress it.`,
    );
  }
}
