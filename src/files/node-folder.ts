import fs from "node:fs";
import path from "node:path";
import { InputError } from "../errors.ts";
import type { Folder } from "../onnx/model-file.ts";
import type { Source } from "../onnx/source.ts";
import { linkedByPnpm } from "./node-pnpm.ts";
import { type FileSource, fileSource, type Identity, sameFile } from "./node-source.ts";

/**
 * The folder of a model for its external data, of which nothing outside is read:
 * - A location that leaves the folder by its name (absolute, "..") is refused.
 * - A symbolic link that leads out is refused. One into the real folder of a model that is itself a
 *   link, as in Hugging Face's cache, is inside.
 * - A file with several hard links is refused, since one of them may be anywhere, unless pnpm has
 *   made them.
 * - Each file is opened once, and what was opened is compared with what was checked, and with what
 *   was there when the model was opened: device and inode.
 * `trustLinks` follows links of both kinds, but no "..".
 */
export function folderOf(model: string, trustLinks = false): Folder {
  const folder = path.dirname(path.resolve(model));
  const name = path.basename(model);
  const home = fs.realpathSync(folder);
  const homes = [home, path.dirname(fs.realpathSync(model))];
  const seen = new Map<string, Seen>();
  const refuse = (location: string, why: string) =>
    new InputError(`${name} keeps weights in ${location}, ${why}.`);

  /** Checks a file that is open; `before` is what was there when it was opened first. */
  const check = (location: string, file: string, data: FileSource, before: Seen | null): Seen => {
    const { stat } = data;
    const real = realOf(file, stat);
    if (real === null || (before && !sameFile(before.stat, stat)))
      throw refuse(location, "which was exchanged while it was read; leave it alone and try again");
    if (before) return before;
    if (!trustLinks && !homes.some((each) => inside(each, real)))
      throw refuse(
        location,
        "a link that leads out of the model's folder; pass --trust-links if that is meant",
      );
    const linked = stat.nlink > 1n && !trustLinks;
    const pnpm = linked ? linkedByPnpm(real, data) : null;
    if (linked && !pnpm)
      throw refuse(
        location,
        `which has ${stat.nlink} hard links, so it may be a file from elsewhere; put a copy in its place, or pass --trust-links if that is meant`,
      );
    return { stat, real, unproved: pnpm === "place" };
  };

  return {
    path: home,
    open(location, copying = false) {
      const file = path.resolve(folder, location);
      if (path.isAbsolute(location) || !inside(folder, file))
        throw refuse(
          location,
          "outside its own folder; that is refused, move the data beside the model",
        );
      const kind = kindOf(file);
      if (kind !== "file") throw refuse(location, `which is ${kind}; put it beside the model`);
      const data = fileSource(file);
      try {
        const now = check(location, file, data, seen.get(location) ?? null);
        seen.set(location, now);
        const { real, unproved } = now;
        if (copying && unproved)
          throw refuse(
            location,
            "a hard link that pnpm's store does not account for, which is not copied; pass --trust-links if that is meant",
          );
        return { ...data, path: real, isLink: false };
      } catch (error) {
        data.close?.();
        throw error;
      }
    },
  };
}

/** A data file as it was when it was first opened. */
interface Seen {
  readonly stat: Identity;
  readonly real: string;
  /** It has further hard links, which only its place says are pnpm's. */
  readonly unproved: boolean;
}

/** The path to a file without links, if the file that is open lies there; null otherwise. */
function realOf(file: string, stat: Identity): string | null {
  try {
    const real = fs.realpathSync(file);
    return sameFile(fs.lstatSync(real, { bigint: true }), stat) ? real : null;
  } catch {
    return null;
  }
}

function kindOf(file: string): "file" | "missing" | "no regular file" {
  try {
    return fs.statSync(file).isFile() ? "file" : "no regular file";
  } catch {
    return "missing";
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
