import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { InputError, writeFailure } from "../errors.ts";
import { fileKey } from "../onnx/external.ts";
import { closing, equalSources, type Source } from "../onnx/source.ts";
import { blockFilesOf, blocks } from "./blocks.ts";
import { alone } from "./node-lock.ts";
import { fileSource } from "./node-source.ts";
import { type PendingFile, pendingFile } from "./pending.ts";

/** Number of bytes after which the copy starts a flush and continues meanwhile. */
const FLUSH_EVERY = 128 << 20;

export { openPath } from "./node-folder.ts";
export { fileSource };

/** Streams a source into a temporary file next to `target`. Leaves nothing if it fails. */
export function writePending(source: Source, target: string): PendingFile {
  checkOwn(source, target);
  const temporary = `${temporaryStart(target)}${randomBytes(4).toString("hex")}.tmp`;
  const remove = () => fs.rmSync(temporary, { force: true });
  writingTo(target, "path", () => writeFile(temporary, source));
  const move = () => writingTo(target, "path", () => fs.renameSync(temporary, target));
  return pendingFile(temporary, temporary, move, remove);
}

/** Length in characters up to which a file's name is part of its temporary name. */
const SHORT_NAME = 50;

/**
 * Returns how temporary paths of this process for a target begin: hidden, beside it, and short, because
 * the target's name may be as long as the system allows.
 */
export const temporaryStart = (target: string): string => {
  const name = `.${path.basename(target).slice(0, SHORT_NAME)}.${process.pid}.`;
  return path.join(path.dirname(path.resolve(target)), name);
};

/** Whether a file next to a target holds the same bytes as a source. */
export function isThere(source: Source, target: string, beside: string): boolean {
  const file = path.join(path.dirname(path.resolve(target)), beside);
  if (!fs.existsSync(file) || !fs.statSync(file).isFile()) return false;
  return closing(fileSource(file), (there) => equalSources(there, source));
}

/**
 * Writes a model and its accompanying files, by name, into a temporary folder under their final
 * names. All are moved into place together; if one fails, the previous files are restored. Those
 * that are present in the target's folder stay there; a copy of them waits with the others, so that
 * onnxruntime loads the model before it is moved.
 */
export function writeTogether(
  source: Source,
  others: ReadonlyMap<string, Source>,
  target: string,
  present: readonly string[] = [],
): PendingFile {
  checkOwn(source, target);
  const folder = path.dirname(path.resolve(target));
  const name = path.basename(target);
  const same = [...others.keys(), ...present].find((each) => fileKey(each) === fileKey(name));
  if (same !== undefined)
    throw new InputError(
      `the data file ${same} would have the name of the model itself; choose another name.`,
    );
  const all = new Map([...others, [name, source]]);
  const stage = writingTo(target, "path", () => fs.mkdtempSync(temporaryStart(target)));
  const remove = () => fs.rmSync(stage, { recursive: true, force: true });
  const move = () => {
    alone(target, () => moveTogether(stage, folder, [...all.keys()]));
    remove();
  };
  const stageFile = (each: string, copy: (to: string) => void) => {
    makeFolders(stage, each);
    writingTo(target, "path", () => copy(path.join(stage, each)));
  };
  try {
    for (const [each, from] of all) stageFile(each, (to) => copyFile(from, to));
    for (const each of present)
      stageFile(each, (to) => fs.copyFileSync(path.join(folder, each), to, CLONED));
  } catch (error) {
    remove();
    throw error;
  }
  return pendingFile(path.join(stage, name), stage, () => writingTo(target, "path", move), remove);
}

/** Moves files from one folder into another; if one fails, restores what was there. */
function moveTogether(stage: string, folder: string, names: readonly string[]): void {
  const old = fs.mkdtempSync(path.join(stage, "old."));
  const moved: string[] = [];
  const folders: string[] = [];
  try {
    for (const name of names) {
      folders.push(...makeFolders(folder, name));
      makeFolders(old, name);
      try {
        fs.linkSync(path.join(folder, name), path.join(old, name));
      } catch {} // There is no previous file, or links are not supported: what is replaced cannot be restored.
      fs.renameSync(path.join(stage, name), path.join(folder, name));
      moved.push(name);
    }
  } catch (error) {
    for (const name of moved) fs.rmSync(path.join(folder, name), { force: true });
    for (const name of names)
      if (fs.existsSync(path.join(old, name)))
        fs.renameSync(path.join(old, name), path.join(folder, name));
    for (const inner of folders.reverse()) fs.rmdirSync(inner);
    throw error;
  }
}

/** Lets two files share their blocks if the file system can. */
const CLONED = fs.constants.COPYFILE_FICLONE;

/** Creates a file's folders below a folder, none of them a link; returns the new ones. */
function makeFolders(folder: string, file: string): string[] {
  const made: string[] = [];
  let inner = folder;
  for (const part of path.normalize(file).split(path.sep).slice(0, -1)) {
    inner = path.join(inner, part);
    const there = fs.lstatSync(inner, { throwIfNoEntry: false });
    if (there?.isDirectory()) continue;
    if (there)
      throw new InputError(`${inner} is not a folder, but ${file} belongs in it; remove it first.`);
    fs.mkdirSync(inner);
    made.push(inner);
  }
  return made;
}

/** Refuses to replace the model that a result comes from, and what is not a file: a pipe, a device. */
function checkOwn(source: Source, target: string): void {
  const there = fs.existsSync(target) && fs.realpathSync(target);
  if (there && !fs.statSync(there).isFile())
    throw new InputError(`${target} is not a regular file; choose another path.`);
  if (there && blockFilesOf(source).some((own) => fs.realpathSync(own) === there))
    throw new InputError(
      `${target} is the model that it comes from, which is never overwritten; choose another path.`,
    );
}

/** Runs an operation on a target and turns its failures into an InputError of one sentence. */
export function writingTo<T>(target: string, what: "path" | "folder", work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof InputError ? error : unwritable(target, what, error as Error);
  }
}

/** Returns an InputError that a target cannot be written, because of the error that is its cause. */
export function unwritable(target: string, what: "path" | "folder", cause: Error): InputError {
  const sentence = `${target} cannot be written: ${writeFailure(cause)}; choose another ${what} with -o.`;
  return new InputError(sentence, { cause });
}

/** Writes and flushes a source. If an intermediate flush fails, the last flush reports it. */
function writeFile(file: string, source: Source): void {
  const handle = fs.openSync(file, "wx");
  let unflushed = 0;
  try {
    for (const block of blocks(source)) {
      for (let done = 0; done < block.length; ) done += fs.writeSync(handle, block, done);
      unflushed += block.length;
      if (unflushed < FLUSH_EVERY) continue;
      flushBehind(file);
      unflushed = 0;
    }
    fs.fsyncSync(handle);
  } catch (error) {
    fs.rmSync(file, { force: true });
    throw error;
  } finally {
    fs.closeSync(handle);
  }
}

/** Copies a source, through its file if it is an open one. */
function copyFile(from: Source, to: string): void {
  if (!from.copyTo?.(to)) {
    writeFile(to, from);
    return;
  }
  fs.chmodSync(to, 0o644);
  const handle = fs.openSync(to, "r+");
  fs.fsyncSync(handle);
  fs.closeSync(handle);
}

/** Returns how many bytes of memory this process may still use. */
export const freeMemory = (): number | null => process.availableMemory();

/** Returns the seconds of processor time that this process has used. */
export function secondsUsed(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Uses its own handle: an error is reported once a handle, and the writer's must see it too. */
function flushBehind(file: string): void {
  const handle = fs.openSync(file, "r+");
  fs.fdatasync(handle, () => fs.close(handle));
}

/** Returns the SHA-256 of a source in hexadecimal. */
export async function sha256(source: Source): Promise<string> {
  const hash = createHash("sha256");
  for (const block of blocks(source)) hash.update(block);
  return hash.digest("hex");
}
