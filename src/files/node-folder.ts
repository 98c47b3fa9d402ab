import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { InputError, tried } from "../errors.ts";
import type { Folder, ModelSource } from "../onnx/model-file.ts";
import { blocks } from "./blocks.ts";
import { type FileSource, fileSource, type Identity, sameFile } from "./node-source.ts";

/**
 * Opens a model's folder for its external data, and reads nothing outside it:
 * - Rejects a location that leaves the folder by its name (absolute, "..").
 * - Rejects a symbolic link to a file outside. If the model itself is a link, as in Hugging Face's
 * cache, links into its real folder count as inside.
 * - Rejects a file with several hard links, because one of them may be anywhere, unless pnpm made
 * them.
 * - Opens each file once, and compares its device and inode with those that were checked, and with
 * those at the time the model was opened.
 * `trustLinks` follows links of both kinds, but no "..".
 */
export function folderOf(model: string, trustLinks = false): Folder {
  const folder = path.dirname(path.resolve(model));
  const name = path.basename(model);
  const home = fs.realpathSync(folder);
  const homes = [home, path.dirname(fs.realpathSync(model))];
  const seen = new Map<string, Seen>();
  const refuse: Refuse = (location, why) =>
    new InputError(`${name} keeps weights in ${location}, ${why}.`);
  const check = checkerOf(homes, trustLinks, refuse);
  return {
    path: home,
    open(location, copying = false) {
      const file = path.resolve(folder, location);
      if (path.isAbsolute(location) || !inside(folder, file))
        throw refuse(
          location,
          "outside its own folder, which is not allowed; move the data next to the model",
        );
      const kind = kindOf(file);
      if (kind !== "file") throw refuse(location, `which is ${kind}; put it next to the model`);
      const data = fileSource(file);
      try {
        const now = check(location, file, data, seen.get(location) ?? null);
        seen.set(location, now);
        const { real, unproved } = now;
        if (copying && unproved)
          throw refuse(
            location,
            "a hard link that pnpm's store does not account for, which is not copied; pass --trust-links if that is intended",
          );
        return { ...data, path: real, isLink: false };
      } catch (error) {
        data.close?.();
        throw error;
      }
    },
  };
}

type Refuse = (location: string, why: string) => InputError;

/** Returns a check of an open file, which must be in one of `homes`; `before` is its first opening. */
const checkerOf =
  (homes: readonly string[], trustLinks: boolean, refuse: Refuse) =>
  (location: string, file: string, data: FileSource, before: Seen | null): Seen => {
    const { stat } = data;
    const real = realOf(file, stat);
    if (real === null || (before && !sameFile(before.stat, stat)))
      throw refuse(location, "which was replaced while it was read; try again");
    if (before) return before;
    if (!trustLinks && !homes.some((each) => inside(each, real)))
      throw refuse(
        location,
        "a link to a file outside the model's folder; pass --trust-links if that is intended",
      );
    const linked = stat.nlink > 1n && !trustLinks;
    const pnpm = linked ? linkedByPnpm(real, data) : null;
    if (linked && !pnpm)
      throw refuse(
        location,
        `which has ${stat.nlink} hard links, so it may be a file from elsewhere; replace it by a copy, or pass --trust-links if that is intended`,
      );
    return { stat, real, unproved: pnpm === "place" };
  };

/** A data file when it was first opened. */
interface Seen {
  readonly stat: Identity;
  readonly real: string;
  /** Whether it has further hard links that only its path suggests are pnpm's. */
  readonly unproved: boolean;
}

/** Returns the path to a file without links, if the open file is there; otherwise null. */
function realOf(file: string, stat: Identity): string | null {
  const real = tried(() => fs.realpathSync(file));
  return real !== null && isFile(real, stat) ? real : null;
}

const kindOf = (file: string) =>
  tried(() => (fs.statSync(file).isFile() ? "file" : "not a regular file")) ?? "missing";

const inside = (folder: string, file: string) => {
  const relative = path.relative(folder, file);
  return relative !== "" && relative.split(path.sep)[0] !== ".." && !path.isAbsolute(relative);
};

/** Opens a model file by its path, with the folder of its external data. */
export const openPath = (file: string, trustLinks: boolean): ModelSource => ({
  source: fileSource(file),
  folder: folderOf(file, trustLinks),
});

/**
 * Returns how it is known that the further hard links of a file are pnpm's, which links files from
 * its store into node_modules:
 * - "store": the store holds this file under the hash of its content. This is a proof: nobody can
 * link a file under its hash without reading it.
 * - "place": there is no record of a store, and the file is in pnpm's virtual store,
 * node_modules/.pnpm/<package>/node_modules. Packages cannot contain links.
 * - null: unknown.
 */
function linkedByPnpm(file: string, data: FileSource): "store" | "place" | null {
  const folders = above(file);
  const stores = [...new Set(folders.flatMap(storesAt))];
  if (stores.length === 0) return VIRTUAL_STORE.test(file) ? "place" : null;
  const hash = createHash("sha512");
  for (const block of blocks(data)) hash.update(block);
  const name = hash.digest("hex");
  const kept = stores.flatMap((store) =>
    ["", "-exec"].map((end) => path.join(store, "files", name.slice(0, 2), name.slice(2) + end)),
  );
  return kept.some((each) => isFile(each, data.stat)) ? "store" : null;
}

const VIRTUAL_STORE = /[/\\]node_modules[/\\]\.pnpm[/\\][^/\\]+[/\\]node_modules[/\\]/;

/** Returns the folders around a file, innermost first. */
function above(file: string): string[] {
  const folder = path.dirname(file);
  return folder === file ? [] : [folder, ...above(folder)];
}

/** Returns the stores of a folder: those in pnpm's record of an installation, or its own. */
function storesAt(folder: string): string[] {
  if (path.basename(folder) === "links") return [path.dirname(folder)];
  if (path.basename(folder) !== "node_modules") return [];
  const record = textOf(path.join(folder, ".modules.yaml"));
  const [, quoted, plain] =
    /^[\s{]*"?storeDir"?:\s*(?:("(?:[^"\\]|\\.)*")|(\S+))/m.exec(record) ?? [];
  const store = quoted ? tried((): string => JSON.parse(quoted)) : plain;
  return store && path.isAbsolute(store) ? [store] : [];
}

const LONGEST_RECORD = 1 << 24;

const textOf = (file: string) =>
  tried(() => {
    const stat = fs.statSync(file);
    return stat.isFile() && stat.size < LONGEST_RECORD ? fs.readFileSync(file, "utf8") : null;
  }) ?? "";

const isFile = (file: string, stat: Identity) =>
  tried(() => sameFile(fs.lstatSync(file, { bigint: true }), stat)) ?? false;
