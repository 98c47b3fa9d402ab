import { createHash, type Hash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { type Model, openModel, VERSION } from "../../src/index.ts";
import { hashFile } from "../hash-file.ts";
import type { ModelImport } from "./query.ts";

const BLOCK = 1 << 20;

/**
 * Returns the folder of cached results: in the node_modules of the nearest package, or in the
 * system's temporary folder if there is none. Nothing is written beside the user's sources.
 */
export function cacheFolder(root: string): string {
  for (let folder = path.resolve(root); ; folder = path.dirname(folder)) {
    if (fs.existsSync(path.join(folder, "package.json")))
      return path.join(folder, "node_modules/.cache/laurelize");
    if (folder === path.dirname(folder)) return path.join(os.tmpdir(), "laurelize-cache");
  }
}

/** The files that an import's result depends on, and a key of their contents and the options. */
export interface Dependencies {
  readonly key: string;
  readonly files: readonly string[];
  /** Whether the model keeps weights in files beside it. */
  readonly hasData: boolean;
}

/** Reads what a result depends on. Throws an InputError if the model cannot be read. */
export async function dependenciesOf(wanted: ModelImport): Promise<Dependencies> {
  const hash = createHash("sha256");
  const model = await openModel(wanted.model, { trustLinks: wanted.trustLinks });
  try {
    const work = wanted.work.map(({ step, args }) => [step, args]);
    hash.update(JSON.stringify([VERSION, path.basename(wanted.model), work]));
    hashModel(hash, model);
    const others = wanted.others.flatMap(filesUnder);
    for (const file of others) {
      hash.update(`${path.basename(file)}:${fs.statSync(file).size}:`);
      hashFile(hash, file);
    }
    const home = path.dirname(wanted.model);
    const data = model.dataFiles.map((name) => path.join(home, name));
    return {
      key: hash.digest("hex").slice(0, 32),
      files: [wanted.model, ...data, ...others],
      hasData: data.length > 0,
    };
  } finally {
    model.close();
  }
}

function hashModel(hash: Hash, { source, folder, dataFiles }: Model): void {
  hashSource(hash, source);
  for (const name of dataFiles) {
    const data = folder!.open(name, true);
    try {
      hashSource(hash, data);
    } finally {
      data.close?.();
    }
  }
}

function hashSource(hash: Hash, { size, read }: Pick<Model["source"], "size" | "read">): void {
  hash.update(`${size}:`);
  for (let at = 0; at < size; at += BLOCK) hash.update(read(at, Math.min(size, at + BLOCK)));
}

/** A file, or the files of a folder in order of their names; none if it is not there. */
function filesUnder(file: string): string[] {
  if (!fs.existsSync(file)) return [];
  if (!fs.statSync(file).isDirectory()) return [file];
  const names = fs.readdirSync(file, { recursive: true, encoding: "utf8" }).sort();
  return names.map((name) => path.join(file, name)).filter((each) => fs.statSync(each).isFile());
}
