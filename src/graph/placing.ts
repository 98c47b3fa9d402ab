import { InputError } from "../errors.ts";
import { externalLocations } from "../onnx/all-tensors.ts";
import { fileKey } from "../onnx/external.ts";
import type { Companion, Folder, ModelFile } from "../onnx/model-file.ts";
import { bytesSource, type Source } from "../onnx/source.ts";
import type { TensorChanges } from "../onnx/tensor-edits.ts";
import { shown } from "../options.ts";
import { linkedValues } from "./linkable.ts";

/** Where a result keeps its weights. */
export interface Placing {
  /** A data file for large new tensors; without it they go into the model. */
  readonly newData?: string | null | undefined;
  /** Refers to old weights in the original's file instead of copying them. */
  readonly link?: boolean | undefined;
  /** New names of data files that are copied, by their current locations. */
  readonly copies?: ReadonlyMap<string, string> | undefined;
}

/** Options for where a result keeps its weights. */
export interface DataOptions {
  /** A file name: large new weights, and new values of external ones, go into that file. */
  readonly externalData?: string | null | undefined;
  /** Copy the model's data files when the result is saved, under names with this prefix. */
  readonly copyData?: string | null | undefined;
}

/**
 * Returns where the result of a model with these data files keeps its weights. Throws an InputError
 * for a name that is not one beside the model.
 */
export function placingOf(
  files: readonly string[],
  { externalData, copyData }: DataOptions,
): Placing {
  for (const [option, name] of Object.entries({ externalData, copyData }))
    if (name != null && !IN_FOLDER.test(name))
      throw new InputError(
        `${option} ${shown(name)} must be a file name without folders, because weights are stored beside the model.`,
      );
  return {
    newData: externalData ?? null,
    copies: copyData ? copyNames(files, copyData, externalData) : undefined,
  };
}

/** A file name of a model's folder: no separators, and no "..", which ONNX's checker refuses. */
const IN_FOLDER = /^(?!\.$)(?!.*\.\.)[^/\\\0]+$/;

/** Returns where old weights are found. Throws an InputError if a result cannot refer to them. */
export function placed(file: ModelFile, { link, copies }: Placing): TensorChanges {
  const { source } = file;
  if (link) checkLinkable(source, file.folder);
  return {
    ...(link ? { values: linkedValues(file) } : {}),
    ...(copies ? { locations: (name) => copies.get(name) ?? name } : {}),
  };
}

/** Throws an InputError if a result cannot refer to weights in this file. */
export function checkLinkable(
  { name, path, isLink }: Pick<Source, "name" | "path" | "isLink">,
  folder: Folder | null,
): void {
  if (!path || !folder)
    throw new InputError(
      `${name} is not a file, so a result cannot refer to its weights; open the model by its path, or copy the weights.`,
    );
  if (isLink)
    throw new InputError(
      `${name} is a link to another file, which onnxruntime would not follow from the result; copy the model with cp -L first, or leave out --link-weights.`,
    );
}

/** Returns the folder as it will be when the new data files exist. */
export function folderAfter(
  folder: Folder | null,
  { newData, copies }: Placing,
  fresh: Uint8Array | null,
): Folder | null {
  const moved = copies?.size ? withCopies(folder, copies) : folder;
  return fresh ? folderWith(moved, { location: newData!, bytes: fresh }) : moved;
}

function withCopies(folder: Folder | null, copies: ReadonlyMap<string, string>): Folder {
  const former = new Map([...copies].map(([before, now]) => [now, before]));
  return {
    path: null,
    ...folder,
    copies: former,
    before: folder,
    open: (asked, copying) => opened(folder, former.get(asked) ?? asked, copying),
  };
}

const folderWith = (folder: Folder | null, companion: Companion): Folder => ({
  path: null,
  ...folder,
  companion,
  open: (asked, copying) =>
    asked === companion.location
      ? bytesSource(companion.bytes, asked)
      : opened(folder, asked, copying),
});

function opened(folder: Folder | null, asked: string, copying?: boolean): Source {
  if (folder) return folder.open(asked, copying);
  throw new InputError(`the model keeps weights in ${asked}; open it by its path.`);
}

/**
 * Returns a name for the copy of each data file: "out.onnx.weights.data" for weights/data. A prefix
 * that ends in _data becomes the first name, and the others are numbered, as transformers.js
 * expects: "out.onnx_data", "out.onnx_data_1". No name contains "..", which ONNX's checker rejects,
 * and no two are one file on any file system, nor one with the file of new weights.
 */
export function copyNames(
  files: readonly string[],
  prefix: string,
  newData?: string | null,
): Map<string, string> {
  const names = new Map<string, string>();
  const taken = new Set(newData == null ? [] : [fileKey(newData)]);
  for (const [k, file] of files.entries()) {
    const parts = file.split(/[/\\]+/).filter((part) => part !== "" && part !== ".");
    const name = prefix.endsWith("_data")
      ? prefix + (k > 0 ? `_${k}` : "")
      : [prefix, ...parts].join(".");
    const plain = withoutDoubleDots(name);
    let free = plain;
    for (let k = 2; taken.has(fileKey(free)); k++) free = withoutDoubleDots(`${plain}.${k}`);
    taken.add(fileKey(free));
    names.set(file, free);
  }
  return names;
}

/** Throws an InputError if new weights would replace a data file that the result still reads. */
export function checkNewData(file: ModelFile, { newData, copies }: Placing): void {
  if (newData == null) return;
  for (const location of externalLocations(file))
    if (fileKey(copies?.get(location) ?? location) === fileKey(newData))
      throw new InputError(
        `${newData} is a data file of ${file.source.name} already; name another file for the new weights.`,
      );
}

/** Returns a name for a data file that ONNX's checker accepts: without "..", in any position. */
export const withoutDoubleDots = (name: string) => name.replace(/\.{2,}/g, ".");
