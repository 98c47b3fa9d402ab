import { Builder, ByteBuffer } from "flatbuffers";
import { InputError } from "../errors.ts";
import { textOfCodes } from "../onnx/bytes.ts";
import { dataType, dataTypeNamed, elements } from "../onnx/dtypes.ts";
import type { DenseTensor } from "../onnx/new-node.ts";
import { contentOf, type Source } from "../onnx/source.ts";

/**
 * onnxruntime's adapter file, a flatbuffer: parameters that override the optional inputs of a model.
 * @see https://github.com/microsoft/onnxruntime/blob/main/onnxruntime/lora/adapter_format/adapter_schema.fbs
 */
const IDENTIFIER = "TORT";
const FORMAT_VERSION = 1;

/** Slots of the tables, in the order of the schema. */
const ADAPTER = { formatVersion: 0, adapterVersion: 1, modelVersion: 2, parameters: 3 };
const PARAMETER = { name: 0, dims: 1, dataType: 2, rawData: 3 };
/** Alignment of raw_data, and of a dim. */
const EIGHT = 8;

/** Whether a file is one of onnxruntime's adapters, by its identifier. */
export function isOnnxAdapter(source: Source): boolean {
  if (source.size < EIGHT) return false;
  return textOfCodes(source.read(4, EIGHT)) === IDENTIFIER;
}

/** Encodes an adapter file of onnxruntime; the same tensors in any order give the same bytes. */
export function writeOnnxAdapter(tensors: readonly DenseTensor[]): Uint8Array {
  const builder = new Builder(1024);
  const sorted = [...tensors].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const parameters = sorted.map((tensor) => parameterOf(builder, tensor));
  builder.startVector(4, parameters.length, 4);
  for (const each of parameters.reverse()) builder.addOffset(each);
  const vector = builder.endVector();
  builder.startObject(4);
  builder.addFieldInt32(ADAPTER.formatVersion, FORMAT_VERSION, 0);
  builder.addFieldInt32(ADAPTER.adapterVersion, 1, 0);
  builder.addFieldInt32(ADAPTER.modelVersion, 1, 0);
  builder.addFieldOffset(ADAPTER.parameters, vector, 0);
  builder.finish(builder.endObject(), IDENTIFIER);
  return builder.asUint8Array();
}

function parameterOf(builder: Builder, { name, dtype, dims, data }: DenseTensor): number {
  // createByteVector itself aligns by nothing.
  builder.prep(EIGHT, data.length);
  const rawData = builder.createByteVector(data);
  builder.startVector(EIGHT, dims.length, EIGHT);
  for (const dim of [...dims].reverse()) builder.addInt64(BigInt(dim));
  const sizes = builder.endVector();
  const text = builder.createString(name);
  builder.startObject(4);
  builder.addFieldOffset(PARAMETER.name, text, 0);
  builder.addFieldOffset(PARAMETER.dims, sizes, 0);
  builder.addFieldInt32(PARAMETER.dataType, dataTypeNamed(dtype)!.number, 0);
  builder.addFieldOffset(PARAMETER.rawData, rawData, 0);
  return builder.endObject();
}

/** Reads an adapter file of onnxruntime. Throws an InputError if it is not one, or is damaged. */
export function readOnnxAdapter(source: Source): DenseTensor[] {
  const refuse = (what: string) =>
    new InputError(`${source.name} is not a sound adapter of onnxruntime: ${what}.`);
  const buffer = new ByteBuffer(contentOf(source).slice());
  const root = tableAt(buffer, 0);
  const version = buffer.readInt32(fieldOf(buffer, root, ADAPTER.formatVersion) ?? source.size);
  if (version !== FORMAT_VERSION)
    throw refuse(`its format version is ${version}, but only ${FORMAT_VERSION} is supported`);
  const vector = vectorOf(buffer, root, ADAPTER.parameters, 4);
  if (!vector) throw refuse("its list of parameters is missing or truncated");
  let bytes = 0;
  const tensors = Array.from({ length: vector.length }, (_, k) => {
    const tensor = readParameter(buffer, tableAt(buffer, vector.start + 4 * k), refuse);
    bytes += tensor.data.length;
    if (bytes > source.size) throw refuse("its parameters share their values");
    return tensor;
  });
  const names = new Set(tensors.map(({ name }) => name));
  if (names.size < tensors.length) throw refuse("two of its parameters have the same name");
  return tensors;
}

function readParameter(
  buffer: ByteBuffer,
  table: number,
  refuse: (what: string) => InputError,
): DenseTensor {
  const text = vectorOf(buffer, table, PARAMETER.name, 1);
  const sizes = vectorOf(buffer, table, PARAMETER.dims, EIGHT);
  const raw = vectorOf(buffer, table, PARAMETER.rawData, 1);
  const name = text && new TextDecoder().decode(bytesAt(buffer, text));
  if (!name || !raw) throw refuse("a parameter has no name or values, or is truncated");
  const number = buffer.readInt32(fieldOf(buffer, table, PARAMETER.dataType) ?? buffer.capacity());
  const type = dataType(number);
  if (!type || type.bits === 0) throw refuse(`parameter ${name} has the data type ${number}`);
  const dims = Array.from({ length: sizes?.length ?? 0 }, (_, k) =>
    Number(buffer.readInt64(sizes!.start + EIGHT * k)),
  );
  const needed = Math.ceil((elements(dims) * type.bits) / 8);
  if (!dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0) || needed !== raw.length)
    throw refuse(
      `parameter ${name} is ${type.name} [${dims.join(", ")}], but has ${raw.length} bytes`,
    );
  return { name, dtype: type.name, dims, data: bytesAt(buffer, raw) };
}

const bytesAt = (buffer: ByteBuffer, { start, length }: NonNullable<ReturnType<typeof vectorOf>>) =>
  buffer.bytes().slice(start, start + length);

/** The table or vector that an offset points to; what lies outside the file reads as zeros. */
const tableAt = (buffer: ByteBuffer, at: number) => at + buffer.readUint32(at);

/** Where a field of a table lies; null if it is absent or the table is damaged. */
function fieldOf(buffer: ByteBuffer, table: number, slot: number): number | null {
  const offset = buffer.__offset(table, 4 + 2 * slot);
  return offset === 0 ? null : table + offset;
}

/**
 * Where the elements of a vector of a table begin, and how many there are; null if it is absent or
 * leads out of the file.
 */
function vectorOf(buffer: ByteBuffer, table: number, slot: number, size: number) {
  const field = fieldOf(buffer, table, slot);
  if (field === null) return null;
  const at = tableAt(buffer, field);
  const length = buffer.readUint32(at);
  const start = at + 4;
  return start + length * size <= buffer.capacity() ? { start, length } : null;
}
