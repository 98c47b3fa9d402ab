import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { blocks, filesOf } from "./onnx/blocks.ts";
import type { Folder } from "./onnx/model-file.ts";
import { type PendingFile, pendingFile } from "./onnx/pending.ts";
import { InputError, type Source } from "./onnx/source.ts";

/** Bytes after which the disk is set to work on them, while the copy goes on. */
const FLUSH_EVERY = 128 << 20;

/** A file as a source: read where asked, never as a whole. Throws an InputError in one sentence. */
export function fileSource(file: string, kind = ".onnx"): Source {
  const size = regularFile(file, kind);
  const name = path.basename(file);
  let handle: number;
  try {
    handle = fs.openSync(file, "r");
  } catch (error) {
    throw unreadable(file, error);
  }
  return {
    name,
    path: path.join(fs.realpathSync(path.dirname(file)), name),
    isLink: fs.lstatSync(file).isSymbolicLink(),
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

function regularFile(file: string, kind: string): number {
  let stat: fs.Stats;
  try {
    stat = fs.statSync(file);
  } catch (error) {
    throw unreadable(file, error);
  }
  if (stat.isDirectory())
    throw new InputError(`${file} is a directory; give the path of an ${kind} file.`);
  if (!stat.isFile()) throw new InputError(`${file} is not a regular file; give an ${kind} file.`);
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
    path: fs.realpathSync(folder),
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
      return { ...fileSource(real), name: path.basename(file) };
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

/** Streams a source into a flushed temporary file beside `target`. Nothing is left behind on failure. */
export function writePending(source: Source, target: string): PendingFile {
  checkOwn(source, target);
  const temporary = path.join(
    path.dirname(path.resolve(target)),
    `.${path.basename(target)}.${randomBytes(4).toString("hex")}.tmp`,
  );
  const remove = () => fs.rmSync(temporary, { force: true });
  writing(target, () => writeFile(temporary, source));
  const move = () => fs.renameSync(temporary, target);
  return pendingFile(temporary, temporary, () => writing(target, move), remove);
}

/**
 * Writes a model and the files beside it, by name, into a folder of their own under the names they
 * will have. Together they get their places, or none does and what was there is there again.
 */
export function writeTogether(
  source: Source,
  others: ReadonlyMap<string, Source>,
  target: string,
): PendingFile {
  checkOwn(source, target);
  const folder = path.dirname(path.resolve(target));
  const all = new Map([...others, [path.basename(target), source]]);
  const name = path.basename(target);
  const stage = writing(target, () => fs.mkdtempSync(path.join(folder, `.${name}.`)));
  const remove = () => fs.rmSync(stage, { recursive: true, force: true });
  const move = () => {
    const old = fs.mkdtempSync(path.join(stage, "old."));
    const moved: string[] = [];
    try {
      for (const each of all.keys()) {
        try {
          fs.linkSync(path.join(folder, each), path.join(old, each));
        } catch {} // Nothing is there, or there are no links: what is replaced is lost.
        fs.renameSync(path.join(stage, each), path.join(folder, each));
        moved.push(each);
      }
    } catch (error) {
      for (const each of moved) fs.rmSync(path.join(folder, each), { force: true });
      for (const each of fs.readdirSync(old))
        fs.renameSync(path.join(old, each), path.join(folder, each));
      throw error;
    }
    remove();
  };
  try {
    for (const [each, from] of all)
      writing(target, () =>
        from.path
          ? copyFile(from.path, path.join(stage, each))
          : writeFile(path.join(stage, each), from),
      );
  } catch (error) {
    remove();
    throw error;
  }
  return pendingFile(path.join(stage, name), stage, () => writing(target, move), remove);
}

function checkOwn(source: Source, target: string): void {
  const there = fs.existsSync(target) && fs.realpathSync(target);
  if (there && filesOf(source).some((own) => fs.realpathSync(own) === there))
    throw new InputError(
      `${target} is the model it comes from, which is never written to; choose another place.`,
    );
}

/** Does what may fail where a target is written, and says so in a sentence. */
function writing<T>(target: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof InputError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    const why = code === "ENOSPC" ? "the disk is full" : `writing there fails (${code})`;
    throw new InputError(`${target} cannot be written: ${why}; choose another place with -o.`);
  }
}

function writeFile(file: string, source: Source): void {
  const handle = fs.openSync(file, "wx");
  try {
    writeFlushed(handle, source, file);
  } catch (error) {
    fs.rmSync(file, { force: true });
    throw error;
  } finally {
    fs.closeSync(handle);
  }
}

/** Copies a file, sharing its blocks where the file system can. */
function copyFile(from: string, to: string): void {
  fs.copyFileSync(from, to, fs.constants.COPYFILE_FICLONE | fs.constants.COPYFILE_EXCL);
  fs.chmodSync(to, 0o644);
  const handle = fs.openSync(to, "r+");
  fs.fsyncSync(handle);
  fs.closeSync(handle);
}

/** Bytes of memory that this process may still take. */
export const freeMemory = (): number | null => process.availableMemory();

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
