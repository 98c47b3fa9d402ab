import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileSource, sha256 } from "../../passes/internal.ts";
import { openModel, VERSION } from "../../src/index.ts";
import { hashOf } from "../hash-file.ts";
import type { ModelImport } from "./query.ts";

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

/** Reads what a result depends on. Throws an InputError if the model cannot be read. */
export async function dependenciesOf(wanted: ModelImport) {
  const model = await openModel(wanted.model, { trustLinks: wanted.trustLinks });
  try {
    const work = wanted.work.map(({ step, args }) => [step, args]);
    const parts = [JSON.stringify([VERSION, path.basename(wanted.model), work])];
    parts.push(await sha256(model.source));
    for (const name of model.dataFiles) parts.push(await hashOf(model.folder!.open(name, true)));
    const others = wanted.others.flatMap(filesUnder);
    for (const file of others) parts.push(path.basename(file), await hashOf(fileSource(file)));
    const home = path.dirname(wanted.model);
    const data = model.dataFiles.map((name) => path.join(home, name));
    return {
      key: createHash("sha256").update(parts.join()).digest("hex").slice(0, 32),
      files: [wanted.model, ...data, ...others],
      /** Whether the model keeps weights in files beside it. */
      hasData: data.length > 0,
    };
  } finally {
    model.close();
  }
}

/** The files that an import's result depends on, and a key of their contents and the options. */
export type Dependencies = Awaited<ReturnType<typeof dependenciesOf>>;

/** A file, or the files of a folder in order of their names; none if it is not there. */
function filesUnder(file: string): string[] {
  if (!fs.existsSync(file)) return [];
  if (!fs.statSync(file).isDirectory()) return [file];
  const names = fs.readdirSync(file, { recursive: true, encoding: "utf8" }).sort();
  return names.map((name) => path.join(file, name)).filter((each) => fs.statSync(each).isFile());
}
