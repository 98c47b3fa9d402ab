import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import type { Folder } from "./onnx/model-file.ts";
import { InputError, type Range, type Source } from "./onnx/source.ts";
import type { PatchedSource } from "./onnx/splices.ts";

/** Fits the processor's cache, so that a block is still there when it is written. */
const COPY_BLOCK = 256 << 10;
/** Bytes after which the disk is set to work on them, while the copy goes on. */
const FLUSH_EVERY = 128 << 20;

/** A file as a source: read where asked, never as a whole. Throws an InputError in one sentence. */
export function fileSource(file: string): Source {
  const size = regularFile(file);
  const name = path.basename(file);
  let handle: number;
  try {
    handle = fs.openSync(file, "r");
  } catch (error) {
    throw unreadable(file, error);
  }
  return {
    name,
    path: file,
    size,
    read(start, end) {
      const bytes = new Uint8Array(end - start);
      fill(handle, bytes, start, file);
      return bytes;
    },
    fill: (bytes, start) => fill(handle, bytes, start, file),
    close: () => fs.closeSync(handle),
  };
}

function fill(handle: number, bytes: Uint8Array, start: number, file: string): void {
  for (let done = 0; done < bytes.length; ) {
    const count = fs.readSync(handle, bytes, done, bytes.length - done, start + done);
    if (count === 0)
      throw new InputError(
        `${file} became shorter while it was read; leave it alone and try again.`,
      );
    done += count;
  }
}

function regularFile(file: string): number {
  let stat: fs.Stats;
  try {
    stat = fs.statSync(file);
  } catch (error) {
    throw unreadable(file, error);
  }
  if (stat.isDirectory())
    throw new InputError(`${file} is a directory; give the path of an .onnx file.`);
  if (!stat.isFile()) throw new InputError(`${file} is not a regular file; give an .onnx file.`);
  return stat.size;
}

function unreadable(file: string, error: unknown): InputError {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ENOENT") return new InputError(`${file} does not exist; check the path.`);
  if (code === "EACCES") return new InputError(`${file} may not be read; check its permissions.`);
  return new InputError(`${file} cannot be read (${code}).`);
}

/**
 * The folder of a model for its external data. A location that leaves the folder (absolute, "..",
 * or a link that leads out) is refused; a link into the real folder of a model that is itself a
 * link, as in Hugging Face's cache, is inside. `trustLinks` follows any link, but no "..".
 */
export function folderOf(model: string, trustLinks = false): Folder {
  const folder = path.dirname(path.resolve(model));
  return {
    path: folder,
    open(location) {
      const file = path.resolve(folder, location);
      if (path.isAbsolute(location) || !inside(folder, file))
        throw new InputError(
          `${path.basename(model)} keeps weights in ${location}, outside its own folder; that is refused, move the data beside the model.`,
        );
      const stat = statOf(file);
      if (!stat?.isFile())
        throw new InputError(
          `${path.basename(model)} keeps weights in ${location}, which is ${stat ? "no regular file" : "missing"}; put it beside the model.`,
        );
      const real = fs.realpathSync(file);
      const homes = [fs.realpathSync(folder), path.dirname(fs.realpathSync(model))];
      if (!trustLinks && !homes.some((home) => inside(home, real)))
        throw new InputError(
          `${path.basename(model)} keeps weights in ${location}, a link that leads out of the model's folder; pass --trust-links if that is meant.`,
        );
      return fileSource(file);
    },
  };
}

function statOf(file: string): fs.Stats | null {
  try {
    return fs.statSync(file);
  } catch {
    return null;
  }
}

const inside = (folder: string, file: string) => {
  const relative = path.relative(folder, file);
  return relative !== "" && relative.split(path.sep)[0] !== ".." && !path.isAbsolute(relative);
};

/** Opens a model file by its path, with the folder its external data may lie in. */
export function openPath(file: string, trustLinks: boolean): { source: Source; folder: Folder } {
  return { source: fileSource(file), folder: folderOf(file, trustLinks) };
}

/** A file that is not yet there: written beside its target under another name, then renamed. */
export interface PendingFile {
  /** Where the bytes lie until they are kept. */
  readonly path: string;
  /** Gives the file its name, replacing what was there. */
  keep(): void;
  /** Removes it. Does nothing once it is kept. */
  discard(): void;
}

/** Streams a source into a flushed temporary file beside `target`. Nothing is left behind on failure. */
export function writePending(source: Source, target: string): PendingFile {
  const own = source.path ?? (source as Partial<PatchedSource>).base?.path;
  if (own && fs.existsSync(target) && fs.realpathSync(own) === fs.realpathSync(target))
    throw new InputError(
      `${target} is the model it comes from, which is never written to; choose another place.`,
    );
  const folder = path.dirname(path.resolve(target));
  const base = path.basename(target);
  const temporary = path.join(folder, `.${base}.${randomBytes(4).toString("hex")}.tmp`);
  let made = false;
  try {
    const handle = fs.openSync(temporary, "wx");
    made = true;
    try {
      writeFlushed(handle, source, temporary);
    } finally {
      fs.closeSync(handle);
    }
  } catch (error) {
    if (made) fs.rmSync(temporary, { force: true });
    if (error instanceof InputError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    const why = code === "ENOSPC" ? "the disk is full" : `writing there fails (${code})`;
    throw new InputError(`${target} cannot be written: ${why}; choose another place with -o.`);
  }
  let open = true;
  const discard = () => {
    if (open) fs.rmSync(temporary, { force: true });
    open = false;
  };
  const keep = () => {
    try {
      fs.renameSync(temporary, target);
      open = false;
    } catch (error) {
      discard();
      const { code } = error as NodeJS.ErrnoException;
      throw new InputError(`${target} cannot be written (${code}); choose another place with -o.`);
    }
  };
  return { path: temporary, keep, discard };
}

/** Writes and flushes a source. What fails in the flushes on the way, the last one reports. */
function writeFlushed(handle: number, source: Source, file: string): void {
  let unflushed = 0;
  for (const block of blocks(source)) {
    writeFully(handle, block);
    unflushed += block.length;
    if (unflushed < FLUSH_EVERY) continue;
    flushBehind(file);
    unflushed = 0;
  }
  fs.fsyncSync(handle);
}

/** Has a handle of its own: an error is told once to each, and the writer's must not miss it. */
function flushBehind(file: string): void {
  const handle = fs.openSync(file, "r+");
  fs.fdatasync(handle, () => fs.close(handle));
}

function writeFully(handle: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += fs.writeSync(handle, bytes, done);
}

/** SHA-256 of a source, in hexadecimal. */
export async function sha256(source: Source): Promise<string> {
  const hash = createHash("sha256");
  for (const block of blocks(source)) hash.update(block);
  return hash.digest("hex");
}

/** The source's bytes in blocks; a block is valid until the next one is asked for. */
function* blocks(source: Source): Generator<Uint8Array> {
  const { base, pieces } = source as Partial<PatchedSource>;
  const buffer = new Uint8Array(COPY_BLOCK);
  for (const piece of pieces ?? [{ start: 0, end: source.size }])
    if (piece instanceof Uint8Array) yield piece;
    else yield* stretch(base ?? source, piece, buffer);
}

function* stretch(source: Source, { start, end }: Range, buffer: Uint8Array) {
  for (let at = start; at < end; at += COPY_BLOCK) {
    const to = Math.min(end, at + COPY_BLOCK);
    if (!source.fill) yield source.read(at, to);
    else {
      const block = buffer.subarray(0, to - at);
      source.fill(block, at);
      yield block;
    }
  }
}
