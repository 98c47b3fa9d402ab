import { freeMemory } from "#node";
import { npzFilesIn, pooledSource } from "#node-data";
import { imageClasses } from "#node-images";
import { InputError } from "../../src/errors.ts";
import { sourceOf } from "../../src/model.ts";
import type { Source } from "../../src/onnx/source.ts";
import { type ArrayFile, npzFile } from "./array-file.ts";
import type { Expected } from "./expected.ts";
import { imageFolder, labelsName } from "./image-folder.ts";
import type { FolderOptions } from "./reading-options.ts";
import { labelsOfTables, type OpenTable, openTable, tableFile } from "./table-file.ts";

/** A file of examples: the path of a file or of a folder (Node), bytes of an .npz or a Blob. */
export type DataFrom = string | Uint8Array | Blob;

/** Lists files by their paths; a folder is replaced by the .npz files in it, in the order of their names. */
export const dataFiles = (places: readonly string[]): string[] =>
  places.flatMap((place) => (isTable(place) || imageClasses(place) ? [place] : npzFilesIn(place)));

/** Whether a file is a table, by the ending of its name. */
export const isTable = (name: string) => /\.(csv|tsv|jsonl|ndjson)$/i.test(name);

/** Files that hold examples elsewhere. */
const UNREAD = /^\.(json|npy|parquet|arrow|feather|xlsx?|txt|pkl|pickle|pt|pth|h5|hdf5|tfrecord)$/i;

/** Opens the files of a dataset. Closes all again if one cannot be read. */
export async function openFiles(
  places: readonly DataFrom[],
  expected: readonly Expected[],
  options: FolderOptions,
): Promise<ArrayFile[]> {
  const files: ArrayFile[] = [];
  const tableSources: Source[] = [];
  const tables = new Map<DataFrom, OpenTable>();
  const sources = places.flatMap((place): DataFrom[] =>
    typeof place === "string" ? dataFiles([place]) : [place],
  );
  const target = labelsName(expected);
  const classNames = options.classNames ?? classesOfFolders(sources, target);
  try {
    for (const from of sources) {
      const source = await tableSource(from);
      if (!source) continue;
      tableSources.push(source);
      tables.set(from, await openTable(source, expected, options.columns ?? {}));
    }
    const labels = labelsOfTables([...tables.values()], classNames ?? {});
    for (const from of sources) {
      const table = tables.get(from);
      files.push(
        table
          ? tableFile(table, labels, freeMemory())
          : await opened(from, expected, { ...options, classNames }),
      );
    }
    if (files.length === 0)
      throw new InputError("no data is given; name an .npz file or a folder.");
    return files;
  } catch (error) {
    for (const opened of [...files, ...tableSources]) opened.close?.();
    throw error;
  }
}

/** The classes of several folders of images, whose labels are the same in all. */
function classesOfFolders(
  sources: readonly DataFrom[],
  target: string,
): Readonly<Record<string, readonly string[]>> | undefined {
  const folders = sources.flatMap((from) =>
    typeof from === "string" && !isTable(from) ? (imageClasses(from) ?? []) : [],
  );
  return folders.length === 0
    ? undefined
    : { [target]: [...new Set(folders.map(({ name }) => name))].sort() };
}

/** The source of a table; null for other data. */
async function tableSource(from: DataFrom): Promise<Source | null> {
  const called = typeof from === "string" ? from : from instanceof File ? from.name : "";
  if (!isTable(called)) return null;
  const kind = called.slice(called.lastIndexOf("."));
  return typeof from === "string" ? pooledSource(from, kind) : sourceOf(from, called, kind);
}

async function opened(
  from: DataFrom,
  expected: readonly Expected[],
  options: FolderOptions,
): Promise<ArrayFile> {
  const free = freeMemory();
  if (typeof from !== "string") return npzFile(await sourceOf(from, "the data", ".npz"), free);
  const classes = imageClasses(from);
  if (!classes) {
    const [ending] = /\.[^./\\]+$/.exec(from) ?? [".npz"];
    if (UNREAD.test(ending))
      throw new InputError(
        `${from} is a ${ending.toLowerCase()}; examples are read from an .npz (numpy.savez), a .csv or .tsv, a .jsonl with one object a line, or a folder of images.`,
      );
    return npzFile(pooledSource(from, ".npz"), free);
  }
  return imageFolder(from, classes, expected, { ...options, free });
}
