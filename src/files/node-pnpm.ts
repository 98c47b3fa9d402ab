import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { blocks } from "./blocks.ts";
import { type FileSource, sameFile } from "./node-source.ts";

/**
 * Returns how it is known that the further hard links of a file are pnpm's, which links files from
 * its store into node_modules:
 * - "store": the store holds this file under the hash of its content. This is a proof: nobody can
 * link a file under its hash without reading it.
 * - "place": there is no record of a store, and the file is in pnpm's virtual store,
 * node_modules/.pnpm/<package>/node_modules. Packages cannot contain links.
 * - null: unknown.
 */
export function linkedByPnpm(file: string, data: FileSource): "store" | "place" | null {
  const folders = above(file);
  const stores = [...new Set(folders.flatMap(storesAt))];
  if (stores.length === 0) return VIRTUAL_STORE.test(file) ? "place" : null;
  const hash = createHash("sha512");
  for (const block of blocks(data)) hash.update(block);
  const name = hash.digest("hex");
  const kept = stores.flatMap((store) =>
    ["", "-exec"].map((end) => path.join(store, "files", name.slice(0, 2), name.slice(2) + end)),
  );
  return kept.some((each) => isFile(each, data)) ? "store" : null;
}

const VIRTUAL_STORE = /[/\\]node_modules[/\\]\.pnpm[/\\][^/\\]+[/\\]node_modules[/\\]/;

/** Yields the folders around a file, innermost first. */
function above(file: string): string[] {
  const folder = path.dirname(file);
  return folder === file ? [] : [folder, ...above(folder)];
}

/**
 * Returns the stores that a folder points to: those in pnpm's record of an installation, or the one
 * it is in.
 */
function storesAt(folder: string): string[] {
  if (path.basename(folder) === "links") return [path.dirname(folder)];
  if (path.basename(folder) !== "node_modules") return [];
  const record = textOf(path.join(folder, ".modules.yaml"));
  const [, quoted, plain] =
    /^[\s{]*"?storeDir"?:\s*(?:("(?:[^"\\]|\\.)*")|(\S+))/m.exec(record) ?? [];
  const store = quoted ? parsed(quoted) : plain;
  return store && path.isAbsolute(store) ? [store] : [];
}

const LONGEST_RECORD = 1 << 24;

function textOf(file: string): string {
  try {
    const stat = fs.statSync(file);
    return stat.isFile() && stat.size < LONGEST_RECORD ? fs.readFileSync(file, "utf8") : "";
  } catch {
    return "";
  }
}

function parsed(quoted: string): string | null {
  try {
    return JSON.parse(quoted);
  } catch {
    return null;
  }
}

function isFile(file: string, { stat }: FileSource): boolean {
  try {
    return sameFile(fs.lstatSync(file, { bigint: true }), stat);
  } catch {
    return false;
  }
}
