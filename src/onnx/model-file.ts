import onnxProto from "onnx-proto";
import { InputError, tried } from "../errors.ts";
import { bytesOf, concat } from "./bytes.ts";
import { decode, type Framed, fieldsIn, partsOf, rootFrame } from "./decode.ts";
import { dataType, valuesField } from "./dtypes.ts";
import { checkInside, externalRange, isExternal } from "./external.ts";
import {
  FIELD,
  type GraphMessage,
  type ModelMessage,
  type NodeMessage,
  type TensorMessage,
  tensorSchema,
} from "./messages.ts";
import type { DenseTensor } from "./new-node.ts";
import { bytesSource, closing, type Range, type Source } from "./source.ts";
import { BYTES, type Field, valueRange, WireReader } from "./wire.ts";

const { onnx } = onnxProto;

/** A data file that is not written yet, by the location that tensors use for it. */
export interface Companion {
  readonly location: string;
  readonly bytes: Uint8Array;
}

/** The folder of a model, for its external data. Every location must be inside that folder. */
export interface Folder {
  /** The folder's path, in the form that onnxruntime takes; null if there are no files. */
  readonly path: string | null;
  readonly companion?: Companion;
  /** Data files to copy: their current names by their new names. */
  readonly copies?: ReadonlyMap<string, string>;
  /** The folder before they are copied, where their current names mean them. */
  readonly before?: Folder | null;
  /**
   * Opens a data file by its location, to be read or, with `copying`, to be copied. Throws an
   * InputError if the file is missing or outside the folder.
   */
  open(location: string, copying?: boolean): Source;
}

/** The bytes of a model, and the folder of its external data. */
export interface ModelSource {
  readonly source: Source;
  readonly folder: Folder | null;
}

/** An ONNX model in its source: the structure is decoded, the weights are not loaded. */
export interface ModelFile extends ModelSource {
  readonly reader: WireReader;
  readonly message: ModelMessage;
  readonly graph: GraphMessage;
  /** Version of each imported operator set; "" is ai.onnx. */
  readonly opsets: ReadonlyMap<string, number>;
  /** That of ai.onnx; the oldest that onnxruntime runs if there is none. */
  readonly opset: number;
}

/** Returns metadata_props by key. */
export const metadataOf = (file: ModelFile) => entriesIn(file, file.message, FIELD.modelMetadata);

const utf8 = new TextDecoder();

/**
 * Returns a tensor's values as little-endian raw data, like TensorProto.raw_data. Loads the whole
 * tensor, so it is meant for small ones. Throws for strings.
 */
export const tensorBytes = (file: ModelFile, tensor: TensorMessage): Uint8Array =>
  withTensorData(file, tensor, (source, { start, end }) => source.read(start, end));

/** Calls `take` with the place of such data, which may be too large to load, and returns its result. */
export function withTensorData<T>(
  file: ModelFile,
  tensor: TensorMessage,
  take: (source: Source, range: Range) => T,
): T {
  if (tensor.raw && !isExternal(tensor)) return take(file.source, tensor.raw);
  const title = `${file.source.name}: tensor ${tensor.name || "(unnamed)"}`;
  if (isExternal(tensor)) return withExternalData(file.folder, tensor, title, take);
  const bytes = innerBytes(file.reader, tensor, title);
  return take(bytesSource(bytes), { start: 0, end: bytes.length });
}

/** Reads a file that is one TensorProto: type, shape and raw data. Throws if it is not one. */
export function openTensor(bytes: Uint8Array): DenseTensor {
  const reader = new WireReader(bytesSource(bytes, "the tensor"));
  const tensor = decode(tensorSchema, reader, rootFrame(bytes.length));
  const { name, dims } = tensor;
  const dtype = dataType(tensor.dataType)?.name ?? "";
  return { name, dtype, dims, data: innerBytes(reader, tensor, name) };
}

function innerBytes(reader: WireReader, tensor: TensorMessage, title: string): Uint8Array {
  if (tensor.raw) return reader.bytes(tensor.raw);
  const type = dataType(tensor.dataType);
  if (!type || type.bits === 0) throw new InputError(`${title} does not hold numbers.`);
  const [number, width] = valuesField(type.name);
  if (width !== null) {
    // A field of floats holds the same bytes as raw data.
    const held: Uint8Array[] = [];
    for (const field of fieldsIn(reader, tensor.frame))
      if (field.number === number) held.push(reader.bytes(valueRange(field)));
    return concat(held);
  }
  const bytes = concat(partsOf(tensor.frame).map((part) => reader.bytes(part)));
  const proto = tried(() => onnx.TensorProto.decode(bytes));
  if (!proto)
    throw new InputError(`${title} holds numbers that cannot be read; the model is damaged.`);
  const wide = (values: typeof proto.int64Data) =>
    bytesOf(BigInt64Array.from(values, (value) => BigInt(String(value))));
  if (type.bits === 6) return packed6(proto.int32Data);
  switch (type.name) {
    case "int64":
      return wide(proto.int64Data);
    case "uint64":
      return wide(proto.uint64Data);
    case "uint32":
      return bytesOf(Uint32Array.from(proto.uint64Data, Number));
    default:
      return bytesOf(new ((type.array as typeof Int32Array | null) ?? Uint8Array)(proto.int32Data));
  }
}

/** Packs 6-bit elements, one per number, as raw data does: four in three bytes. */
function packed6(elements: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(Math.ceil((elements.length * 6) / 8));
  for (const [k, element] of elements.entries()) {
    const [at, shift] = [(k * 6) >> 3, (k * 6) & 7];
    const bits = (element & 63) << shift;
    bytes[at] |= bits;
    if (shift > 2) bytes[at + 1] |= bits >> 8;
  }
  return bytes;
}

function withExternalData<T>(
  folder: Folder | null,
  tensor: TensorMessage,
  title: string,
  take: (source: Source, range: Range) => T,
): T {
  const range = externalRange(title, tensor);
  const { location, offset, length } = range;
  if (folder === null)
    throw new InputError(
      `${title} is in ${location}; open the model by its path, or give that file in option data of openModel.`,
    );
  return closing(folder.open(location), (data) => {
    checkInside(title, range, data.size);
    return take(data, { start: offset, end: length === null ? data.size : offset + length });
  });
}

/** Reads a StringStringEntryProto. */
export function entryIn(reader: WireReader, field: Field) {
  const texts = new Map<number, string>();
  for (const part of reader.fields(valueRange(field)))
    if (part.wire === BYTES) texts.set(part.number, utf8.decode(reader.bytes(valueRange(part))));
  return { key: texts.get(FIELD.entryKey) ?? "", value: texts.get(FIELD.entryValue) ?? "" };
}

/** Returns the entries of a message's metadata_props, by key; `number` is that field's. */
export function entriesIn({ reader }: ModelFile, { frame }: Framed, number: number) {
  const entries = reader.fieldsWith(number, frame).map((field) => entryIn(reader, field));
  return new Map(entries.map(({ key, value }) => [key, value]));
}

/** Returns what exporters note of a node, by key. */
export const nodeMetadata = (file: ModelFile, message: NodeMessage) =>
  entriesIn(file, message, FIELD.nodeMetadata);

/** Returns a location without "./" before it. */
export const withoutDots = (location: string) => location.replace(/^(?:\.\/)+/, "");

/** Returns the folder of a model whose data files are in memory, by their locations. */
export function folderInMemory(model: string, files: ReadonlyMap<string, Uint8Array>): Folder {
  const named = new Map([...files].map(([location, bytes]) => [withoutDots(location), bytes]));
  return {
    path: null,
    open(location) {
      const bytes = named.get(withoutDots(location));
      if (bytes === undefined)
        throw new InputError(
          `${model} keeps weights in ${location}, which is missing; give that file together with the model.`,
        );
      return bytesSource(bytes, location);
    },
  };
}
