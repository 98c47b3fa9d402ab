import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { blocks } from "./blocks.ts";
import { type FileSource, sameFile } from "./node-source.ts";

/**
 * Whether the further hard links of a file are pnpm's, which links the files of packages from its
 * store into node_modules.
 * - "store": the store holds the very file under the hash of what is in it. Whoever made a link to
 *   a file that they cannot read could not have named it so: this is a proof.
 * - "place": no record of a store is there, and the file lies in pnpm's virtual store,
 *   node_modules/.pnpm/<package>/node_modules. Packages cannot bring links of their own.
 * - null: neither.
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

/** The folders around a file, from its own outward. */
function above(file: string): string[] {
  const folder = path.dirname(file);
  return folder === file ? [] : [folder, ...above(folder)];
}

/** The stores that a folder tells of: those in pnpm's record of an installation, or the one it is in. */
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
