import { randomBytes } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { InputError } from "../errors.ts";
import type { Source } from "../onnx/source.ts";
import { fileSource, temporaryStart, unwritable, writingTo } from "./node.ts";
import { isFolder, namesIn } from "./node-source.ts";
import { type PendingFile, pendingFile } from "./pending.ts";

/** Returns a path itself or, of a folder, the paths of its .npz files, by name. */
export function npzFilesIn(place: string): string[] {
  if (!isFolder(place)) return [place];
  const names = namesIn(place).filter((name) => name.endsWith(".npz"));
  if (names.length === 0)
    throw new InputError(
      `${place} does not contain .npz files, nor a folder of images for each class; give another folder or file.`,
    );
  return names.sort().map((name) => path.join(place, name));
}

/** A folder that is filled under another name, and then moved into place. */
interface PendingFolder extends PendingFile {
  /** The path from where it will be to another folder, with forward slashes. */
  readonly pathTo: (folder: string) => string;
  /** Returns an error of writing into it as one that names the target. */
  named(error: unknown): unknown;
}

/**
 * Makes a temporary folder beside `target`. Throws an InputError if the target exists, unless
 * `replaces` and it holds a file of the name `mark`, or nothing.
 */
export function pendingFolder(
  target: string,
  { mark, replaces }: { readonly mark: string; readonly replaces: boolean },
): PendingFolder {
  const place = path.resolve(target);
  checkReplaced(target, mark, replaces);
  const parent = path.dirname(place);
  const stage = writingTo(target, "folder", () => fs.mkdtempSync(temporaryStart(place)));
  fs.chmodSync(stage, 0o755);
  const remove = (folder: string) => fs.rmSync(folder, { recursive: true, force: true });
  const move = () =>
    writingTo(target, "folder", () => {
      const old = `${stage}.old`;
      const there = fs.existsSync(place);
      if (there) fs.renameSync(place, old);
      try {
        fs.renameSync(stage, place);
      } catch (error) {
        if (there) fs.renameSync(old, place);
        throw error;
      }
      remove(old);
    });
  const home = path.join(fs.realpathSync(parent), path.basename(place));
  const pathTo = (folder: string) => path.relative(home, folder).split(path.sep).join("/") || ".";
  const named = (error: unknown) =>
    error instanceof InputError && error.cause instanceof Error
      ? unwritable(target, "folder", error.cause)
      : error;
  return { ...pendingFile(stage, stage, move, () => remove(stage)), pathTo, named };
}

function checkReplaced(target: string, mark: string, replaces: boolean): void {
  const there = fs.statSync(target, { throwIfNoEntry: false });
  if (!there) return;
  if (!there.isDirectory())
    throw new InputError(`${target} is a file; choose another folder with -o.`);
  const names = fs.readdirSync(target);
  if (names.length === 0) return;
  if (!names.includes(mark))
    throw new InputError(`${target} holds other files; choose another folder with -o.`);
  if (!replaces)
    throw new InputError(
      `${target} exists; pass --force to replace it, or choose another folder with -o.`,
    );
}

/** Number of files that stay open between reads. */
const OPEN = 64;
const open = new Map<string, Source>();

/** Returns a file as a source. It is opened to be read; only a few of thousands are open at a time. */
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
 * Creates a file in the system's temporary folder that is written bit by bit, and then read from.
 * Removes its name after writing, if the system allows that, so that nothing is left behind.
 */
export function scratchWriter() {
  const file = path.join(os.tmpdir(), `laurelize-${randomBytes(8).toString("hex")}.data`);
  const remove = () => fs.rmSync(file, { force: true });
  let handle: number | null = null;
  const guarded = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      discard();
      if (error instanceof InputError) throw error;
      const { code } = error as NodeJS.ErrnoException;
      throw new InputError(
        `the data is larger than half of the free memory, and unpacking it into ${os.tmpdir()} fails (${code}); free some space, set TMPDIR, or save the data with numpy.savez, which does not compress it.`,
      );
    }
  };
  const close = () => {
    if (handle !== null) fs.closeSync(handle);
    handle = null;
  };
  const discard = () => {
    close();
    remove();
  };
  const write = (block: Uint8Array) =>
    guarded(() => {
      handle ??= fs.openSync(file, "wx");
      for (let done = 0; done < block.length; )
        done += fs.writeSync(handle, block, done, block.length - done);
    });
  const finish = (): Source =>
    guarded(() => {
      handle ??= fs.openSync(file, "wx");
      close();
      return reading(file, remove);
    });
  const from = (blocks: Iterable<Uint8Array>): Source =>
    guarded(() => {
      for (const block of blocks) write(block);
      return finish();
    });
  return { write, finish, discard, from };
}

/** Writes blocks into a scratch file and reads from it. */
export const scratch = (blocks: Iterable<Uint8Array>): Source => scratchWriter().from(blocks);

/** Opens a scratch file whose name goes away now, or when it is closed. */
function reading(file: string, remove: () => void): Source {
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
}

/** Loads a parser of CSV: rows of text from text with whole lines. */
export async function csvParser(): Promise<(text: string, delimiter: string) => string[][]> {
  const { parse } = await import("csv-parse/sync");
  return (text, delimiter) =>
    parse(text, {
      delimiter,
      bom: true,
      trim: true,
      skip_empty_lines: true,
      relax_column_count: true,
    }) as string[][];
}
