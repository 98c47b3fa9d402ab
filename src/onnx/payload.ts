import { partsOf } from "./decode.ts";
import { dataType, elements } from "./dtypes.ts";
import type { TensorMessage } from "./messages.ts";
import type { Range } from "./source.ts";
import { BYTES, type Field, type WireReader } from "./wire.ts";

/** A repeated field of a TensorProto: its number, and a value's bytes; null for a varint. */
interface ValuesField {
  readonly number: number;
  readonly width: number | null;
}

const FLOATS: ValuesField = { number: 4, width: 4 };
const INT32S: ValuesField = { number: 5, width: null };
const INT64S: ValuesField = { number: 7, width: null };
const DOUBLES: ValuesField = { number: 10, width: 8 };
const UINT64S: ValuesField = { number: 11, width: null };

/** Types whose values are not in int32_data. */
const FIELDS: ReadonlyMap<string, ValuesField> = new Map([
  ["float", FLOATS],
  ["complex64", FLOATS],
  ["double", DOUBLES],
  ["complex128", DOUBLES],
  ["int64", INT64S],
  ["uint32", UINT64S],
  ["uint64", UINT64S],
]);

const STRINGS = 6;

/**
 * Returns how many values a tensor's typed field needs by its shape, and how many it holds; null
 * for an unknown type. Types below 8 bits are packed into bytes; a complex number is two values.
 * Counts varints without decoding them.
 * @see https://onnx.ai/onnx/api/classes.html#tensorproto
 */
export function typedValues(
  reader: WireReader,
  tensor: TensorMessage,
): { needed: number; held: number } | null {
  const type = dataType(tensor.dataType);
  if (!type) return null;
  const { name, bits } = type;
  const count = elements(tensor.dims);
  const held = (number: number, valuesOf: (field: Field) => number) => {
    let values = 0;
    for (const part of partsOf(tensor.frame))
      for (const field of reader.fields(part))
        if (field.number === number) values += valuesOf(field);
    return values;
  };
  if (name === "string") return { needed: count, held: held(STRINGS, () => 1) };
  const field = FIELDS.get(name) ?? INT32S;
  const needed = name.startsWith("complex")
    ? 2 * count
    : Math.ceil((count * Math.min(bits, 8)) / 8);
  return { needed, held: held(field.number, (each) => valuesIn(reader, each, field)) };
}

function valuesIn(reader: WireReader, { wire, body, end }: Field, { width }: ValuesField): number {
  if (wire !== BYTES) return 1;
  return width === null ? varintsIn(reader, { start: body, end }) : (end - body) / width;
}

const BLOCK = 1 << 20;

/** Each varint ends at the byte whose highest bit is 0. */
function varintsIn({ source }: WireReader, { start, end }: Range): number {
  let count = 0;
  for (let from = start; from < end; from += BLOCK)
    for (const byte of source.read(from, Math.min(end, from + BLOCK))) if (byte < 128) count++;
  return count;
}
