import { InputError } from "../errors.ts";
import { join, jsonIn, lengthOf } from "../onnx/bytes.ts";
import { dataTypeNamed, elements, namedBy, safetensorsNames } from "../onnx/dtypes.ts";
import { foreignFormat } from "../onnx/foreign.ts";
import type { DenseTensor, TensorHeader } from "../onnx/new-node.ts";
import type { Range, Source } from "../onnx/source.ts";

/** A tensor of a .safetensors file; its values are not loaded. */
interface SafeTensor extends TensorHeader {
  /** Byte range of its little-endian values in the source. */
  readonly range: Range;
}

/** The reference implementation's limit on a header. */
const LONGEST_HEADER = 100e6;
/** Size in bytes of the length before the header. */
const PREFIX = 8;
const METADATA = "__metadata__";

/**
 * Reads the header of a .safetensors file, and no values: its tensors in the order of their bytes,
 * and text by key. Throws an InputError if the file is not one: the tensors must be contiguous and
 * fill the file to its end.
 * @see https://github.com/huggingface/safetensors#format
 */
export function readSafetensors(source: Source) {
  const { name, size } = source;
  const refuse = (what: string) => new InputError(`${name} is not a .safetensors file: ${what}.`);
  const foreign = foreignFormat(source, "data");
  if (foreign) throw refuse(`it is ${foreign}`);
  if (size < PREFIX) throw refuse(`it has ${size} bytes, fewer than the 8 of its header's length`);
  const prefix = source.read(0, PREFIX);
  const length = Number(new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true));
  if (length > LONGEST_HEADER) throw refuse("its first 8 bytes are not the length of a header");
  if (length > size - PREFIX)
    throw refuse(`it has ${size} bytes, but its header should have ${length}; it may be truncated`);
  const start = PREFIX + length;
  const header = jsonIn(source.read(PREFIX, start));
  if (!isObject(header)) throw refuse("its header is not a JSON object");
  const { [METADATA]: texts = {}, ...entries } = header;
  if (!isObject(texts) || !Object.values(texts).every((text) => typeof text === "string"))
    throw refuse(`${METADATA} is not an object of strings`);
  const tensors = Object.entries(entries)
    .map(([key, entry]) => tensorOf(key, entry, start, refuse))
    .sort(({ range: a }, { range: b }) => a.start - b.start || a.end - b.end);
  let at = start;
  for (const { name, range } of tensors) {
    if (range.start !== at)
      throw refuse(
        `tensor ${name} begins at byte ${range.start}, ${range.start < at ? "inside" : "after a gap behind"} the previous one, which ends at ${at}`,
      );
    at = range.end;
  }
  if (at !== size) throw refuse(`its tensors end at byte ${at}, but it has ${size}`);
  return { tensors, metadata: new Map(Object.entries(texts as Record<string, string>)) };
}

function tensorOf(
  name: string,
  entry: unknown,
  start: number,
  refuse: (what: string) => InputError,
): SafeTensor {
  const { dtype: type, shape, data_offsets: offsets } = isObject(entry) ? entry : {};
  if (typeof type !== "string" || !isSizes(shape) || !isSizes(offsets) || offsets.length !== 2)
    throw refuse(`tensor ${name} does not have a dtype, shape and data_offsets`);
  const dtype = namedBy("safetensors", type);
  if (!dtype)
    throw refuse(
      `tensor ${name} is ${type.slice(0, 40)}; supported types are ${safetensorsNames().join(", ")}`,
    );
  const [from, to] = offsets;
  const needed = (elements(shape) * dataTypeNamed(dtype)!.bits) / 8;
  if (to - from !== needed)
    throw refuse(
      `tensor ${name} is ${type} [${shape.join(", ")}] and needs ${needed} bytes, but has ${to - from}`,
    );
  return { name, dtype, dims: shape, range: { start: start + from, end: start + to } };
}

const isObject = (it: unknown): it is Record<string, unknown> =>
  typeof it === "object" && it !== null && !Array.isArray(it);

const isSizes = (it: unknown): it is number[] =>
  Array.isArray(it) && it.every((size) => Number.isSafeInteger(size) && size >= 0);

/**
 * Returns the parts of a .safetensors file. The same tensors and texts in any order give the same
 * bytes: wider types come first, so that each tensor is aligned, and names are sorted by code
 * units.
 */
export function writeSafetensors(
  tensors: readonly DenseTensor[],
  metadata: ReadonlyMap<string, string>,
): Uint8Array {
  const bits = ({ dtype }: DenseTensor) => dataTypeNamed(dtype)!.bits;
  const sorted = [...tensors].sort((a, b) => bits(b) - bits(a) || byName(a.name, b.name));
  const texts = [...metadata].sort(([a], [b]) => byName(a, b));
  const header: [string, unknown][] =
    texts.length > 0 ? [[METADATA, Object.fromEntries(texts)]] : [];
  let at = 0;
  for (const { name, dtype, dims, data } of sorted) {
    const type = dataTypeNamed(dtype)?.safetensors;
    if (!type)
      throw new InputError(`tensor ${name} is ${dtype}, which .safetensors does not support.`);
    header.push([name, { dtype: type, shape: dims, data_offsets: [at, at + data.length] }]);
    at += data.length;
  }
  const json = `{${header.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join()}}`;
  const text = new TextEncoder().encode(json);
  const padding = new Uint8Array(-text.length & 7).fill(0x20);
  const prefix = new Uint8Array(PREFIX);
  new DataView(prefix.buffer).setBigUint64(0, BigInt(text.length + padding.length), true);
  const parts = [prefix, text, padding, ...sorted.map(({ data }) => data)];
  // In a buffer of their own: a caller may hand it to another thread.
  return join(new Uint8Array(lengthOf(parts)), parts);
}

const byName = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
