import fs from "node:fs";
import path from "node:path";
import { InputError } from "../errors.ts";
import { bytes } from "../figures.ts";
import type { Source } from "../onnx/source.ts";

/** The identity of a file, and its number of paths. */
export interface Identity {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly nlink: bigint;
}

/** A source backed by an open file. */
export interface FileSource extends Source {
  readonly path: string;
  /** The file system's record of the open file. */
  readonly stat: Identity;
}

/** Opens a file as a source that is read on demand. Throws an InputError in one sentence. */
export function fileSource(file: string, kind = ".onnx"): FileSource {
  const { handle, stat } = opened(file, kind);
  const name = path.basename(file);
  let isOpen = true;
  // A closed handle may be another file's by now.
  const open = () => {
    if (isOpen) return handle;
    throw new InputError(`${file} is closed; open it again.`);
  };
  return {
    name,
    path: path.join(fs.realpathSync(path.dirname(file)), name),
    isLink: fs.lstatSync(file).isSymbolicLink(),
    stat,
    size: Number(stat.size),
    read(start, end) {
      const bytes = memoryFor(end - start, file);
      fill(open(), bytes, start, file);
      return bytes;
    },
    fill: (bytes, start) => fill(open(), bytes, start, file),
    copyTo: (target) => copyOpen(open(), target),
    close() {
      if (isOpen) fs.closeSync(handle);
      isOpen = false;
    },
  };
}

/** Whether two files are the same: same device and same inode. */
export const sameFile = (a: Identity, b: Identity) => a.dev === b.dev && a.ino === b.ino;

/** Opens without blocking, because a pipe may replace the file in the meantime. */
const READ = fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0);

function opened(file: string, kind: string): { handle: number; stat: fs.BigIntStats } {
  const handle = reading(file, () => {
    checkRegular(fs.statSync(file, { bigint: true }), file, kind);
    return fs.openSync(file, READ);
  });
  try {
    const stat = fs.fstatSync(handle, { bigint: true });
    checkRegular(stat, file, kind);
    return { handle, stat };
  } catch (error) {
    fs.closeSync(handle);
    throw error;
  }
}

function checkRegular(stat: fs.BigIntStats, file: string, kind: string): void {
  if (stat.isDirectory())
    throw new InputError(`${file} is a directory; give the path of an ${kind} file.`);
  if (!stat.isFile()) throw new InputError(`${file} is not a regular file; give an ${kind} file.`);
}

/** Whether a path names a folder. Throws an InputError if it cannot be followed. */
export const isFolder = (file: string): boolean =>
  reading(file, () => fs.statSync(file, { throwIfNoEntry: false })?.isDirectory() ?? false);

/** Returns the names in a folder. Throws an InputError if it cannot be read. */
export const namesIn = (folder: string): string[] => reading(folder, () => fs.readdirSync(folder));

/** Asks the system about a file. Turns its failures into an InputError of one sentence. */
function reading<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof InputError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") throw new InputError(`${file} does not exist; check the path.`);
    if (code === "EACCES") throw new InputError(`${file} cannot be read; check its permissions.`);
    throw new InputError(`${file} cannot be read (${code}).`);
  }
}

/** Returns zeros to read a part of a file into, which may be larger than memory. */
function memoryFor(length: number, file: string): Uint8Array<ArrayBuffer> {
  if (length <= MOST) return new Uint8Array(length);
  try {
    if (length < process.availableMemory()) return new Uint8Array(length);
  } catch {} // Node's own limit.
  throw new InputError(
    `${file} does not fit into memory: ${bytes(length)} of it are read at once; is it damaged?`,
  );
}

/** Maximum number of bytes that one call reads; Node takes none of 2 GiB. */
const MOST = 1 << 30;

function fill(handle: number, bytes: Uint8Array, start: number, file: string): void {
  for (let done = 0; done < bytes.length; ) {
    const length = Math.min(bytes.length - done, MOST);
    const count = fs.readSync(handle, bytes, done, length, start + done);
    if (count === 0)
      throw new InputError(
        `${file} became shorter while it was read; do not change it during the run, and try again.`,
      );
    done += count;
  }
}

/**
 * Copies the open file, not whatever has its name by now. Shares blocks if the file system can and
 * the system gives open files a path.
 */
function copyOpen(handle: number, target: string): boolean {
  const own = `/proc/self/fd/${handle}`;
  if (process.platform !== "linux" || !fs.existsSync(own)) return false;
  fs.copyFileSync(own, target, fs.constants.COPYFILE_FICLONE | fs.constants.COPYFILE_EXCL);
  return true;
}
