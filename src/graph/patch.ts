import { InputError } from "../errors.ts";
import { concat } from "../onnx/bytes.ts";
import { type Entry, metadataFields, opsetImport } from "../onnx/encode.ts";
import type { ModelFile, ModelSource } from "../onnx/model-file.ts";
import { openFile } from "../onnx/open-file.ts";
import type { Source } from "../onnx/source.ts";
import { patchedSource, pieceLength, sizeAfter, splices } from "../onnx/splices.ts";
import { type Undo, undoOf } from "../onnx/undo.ts";
import type { Graph } from "./graph.ts";
import type { Patch } from "./patch-contents.ts";
import { isLarge, patchEdits } from "./patch-edits.ts";
import { checkNewData, folderAfter, type Placing, placed } from "./placing.ts";

/** An entry of metadata_props, computed when the steps that undo the patch are known. */
export type Provenance = (undo: Undo) => Promise<Entry>;

/** A patched model, read through the original. */
export interface Patched extends ModelSource {
  /** The steps that turn the whole result back into the original. */
  readonly undo: () => Undo;
}

/** protobuf's size limit for one message. */
const MAX_BYTES = 2 ** 31 - 1;

/**
 * Applies a patch: returns the new model, read through the original without copying. `placing` says
 * where new and old weights are kept; the entry of metadata_props comes last in the file. Throws an
 * InputError if the result would exceed protobuf's 2 GiB.
 */
export async function applyPatch(
  graph: Graph,
  patch: Patch,
  provenance: Provenance | null = null,
  placing: Placing = {},
): Promise<Patched> {
  const { file } = graph;
  const { source } = file;
  const location = placing.newData ?? null;
  const outside = location === null ? [] : (patch.tensors ?? []).filter(isLarge);
  if (outside.length > 0) checkNewData(file, placing);
  const list = splices(patchEdits(graph, { ...patch, ...placed(file, placing) }, location));
  checkSize(source, sizeAfter(source, list));
  const imports = Object.entries(patch.opsets ?? {})
    .filter(([domain]) => !file.opsets.has(domain))
    .map(([domain, version]) => opsetImport(domain, version));
  const entry = await provenance?.(undoOf(source, list, placing.link ?? false));
  const tail = [...imports, ...(entry ? metadataFields(entry) : [])];
  const all = [...list, ...tail.map((bytes) => ({ start: source.size, end: source.size, bytes }))];
  const rewritten = patchedSource(source, all);
  checkSize(source, rewritten.size);
  const fresh = outside.length > 0 ? concat(outside.map(({ data }) => data)) : null;
  const undo = () => undoOf(source, all, placing.link ?? false);
  return { source: rewritten, folder: folderAfter(file.folder, placing, fresh), undo };
}

/** Applies a patch without size limit, record or data files. Returns the same file if nothing changes. */
export function patchedBytes(file: ModelFile, patch: Patch): ModelSource {
  const { source, folder } = file;
  const list = splices(patchEdits({ file }, patch, null));
  const changes = list.some(({ start, end, bytes }) => end > start || pieceLength(bytes) > 0);
  return changes ? { source: patchedSource(source, list), folder } : file;
}

/** Applies a patch to a model that is only run. Returns the same file if nothing changes. */
export function patchedFile(file: ModelFile, patch: Patch): ModelFile {
  const changed = patchedBytes(file, patch);
  return changed === file ? file : openFile(changed);
}

/** Throws an InputError if a result would exceed protobuf's 2 GiB. */
export function checkSize({ name }: Source, size: number): void {
  if (size > MAX_BYTES)
    throw new InputError(
      `${name} would grow to ${size} bytes, more than protobuf's limit of 2 GiB; pass --external-data to keep the new weights in a file of their own, or convert the model to external data first.`,
    );
}
