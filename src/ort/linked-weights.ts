import { patchedBytes, patchedFile } from "../graph/patch.ts";
import { allTensors, externalLocations } from "../onnx/all-tensors.ts";
import { externalRange, isExternal } from "../onnx/external.ts";
import { FIELD, type TensorMessage } from "../onnx/messages.ts";
import { type ModelFile, tensorBytes } from "../onnx/model-file.ts";
import { openFile } from "../onnx/open-file.ts";
import { bytesSource, equalRanges, originOf } from "../onnx/source.ts";

/** Fields of a TensorProto that locate its values. */
const VALUES: ReadonlySet<number> = new Set([FIELD.tensorRaw, FIELD.tensorExternalData, 14]);

/**
 * Returns a model that reads its data files at their current locations, before they are copied; the
 * same model if none is to be copied. New data is embedded, because its file may be called as an old
 * one is.
 */
export function beforeCopies(file: ModelFile): ModelFile {
  const { copies, before = null } = file.folder ?? {};
  if (!copies?.size) return file;
  const locations = (name: string) => copies.get(name) ?? name;
  return openFile(patchedBytes(withCompanionInside(file), { locations }), before);
}

/** Returns a model that reads its data files under other names. */
export function relocated(file: ModelFile, rename: (location: string) => string): ModelFile {
  return patchedFile(file, { locations: rename });
}

/** Returns a model that embeds data that will become a file of its own. */
export function withCompanionInside(file: ModelFile): ModelFile {
  const { companion } = file.folder ?? {};
  if (!companion) return file;
  const values = file.graph.initializers.filter(isExternal).flatMap((tensor) => {
    const { location, offset, length } = externalRange(tensor.name, tensor);
    if (location !== companion.location) return [];
    return [{ tensor, to: companion.bytes.subarray(offset, offset + (length ?? 0)) }];
  });
  return patchedFile(file, { values });
}

/**
 * Returns a small model built from parts of another, with external data embedded, because
 * onnxruntime would look for the files of a model given as bytes in the current folder.
 */
export function withDataInside(model: Uint8Array, whole: ModelFile): Uint8Array {
  if (externalLocations(whole).size === 0) return model;
  const file = openFile(bytesSource(model, whole.source.name), null);
  const values = [...allTensors(file)]
    .filter(isExternal)
    .map((tensor) => ({ tensor, to: tensorBytes(whole, tensor) }));
  const source = patchedBytes(file, { values });
  return source.read(0, source.size);
}

/** Whether two tensors differ only in how they refer to the same bytes. Reads no values. */
export function movedOnly(
  before: ModelFile,
  a: TensorMessage,
  after: ModelFile,
  b: TensorMessage,
): boolean {
  if (!isExternal(b) || !samePlace(before, a, after, b)) return false;
  const rest = (file: ModelFile, tensor: TensorMessage) =>
    [...file.reader.fields(tensor.frame)].filter(({ number }) => !VALUES.has(number));
  const [x, y] = [rest(before, a), rest(after, b)];
  return (
    x.length === y.length &&
    x.every((field, k) => equalRanges(before, span(field), after, span(y[k])))
  );
}

const span = ({ start, end }: { start: number; end: number }) => ({ start, end });

function samePlace(before: ModelFile, { raw }: TensorMessage, after: ModelFile, b: TensorMessage) {
  const { location, offset, length } = externalRange(b.name, b);
  const origin = raw && originOf(before.source, raw);
  return (
    origin !== null &&
    origin.source.name === location &&
    before.folder?.path === after.folder?.path &&
    origin.start === offset &&
    origin.end - origin.start === length
  );
}
