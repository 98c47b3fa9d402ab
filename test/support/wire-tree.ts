/** A protobuf field as it is spelled: `pad` counts the needless bytes of its tag. */
export type Field = { number: number; pad: number } & Value;

/** A varint and the needless bytes it is written with. */
export interface Varint {
  value: bigint;
  pad: number;
}

type Value =
  | { kind: "varint"; item: Varint }
  | { kind: "fixed"; bytes: Uint8Array }
  | { kind: "bytes"; bytes: Uint8Array; lengthPad: number }
  | { kind: "packed"; items: Varint[]; lengthPad: number }
  | { kind: "message"; type: TypeName; fields: Field[]; lengthPad: number }
  | { kind: "group"; fields: Field[] }
  /** Bytes as they are, tag and all. */
  | { kind: "raw"; bytes: Uint8Array };

/** For each message of onnx.proto: its fields that are messages, and those of repeated numbers. */
export const TYPES = {
  Model: { 7: "Graph", 8: "Opset", 14: "Entry", 25: "Function" },
  Graph: { 1: "Node", 5: "Tensor", 11: "ValueInfo", 12: "ValueInfo", 13: "ValueInfo" },
  Node: { 5: "Attribute" },
  Attribute: { 5: "Tensor", 6: "Graph", 7: "floats", 8: "varints", 11: "Graph" },
  Tensor: { 1: "varints", 13: "Entry" },
  ValueInfo: { 2: "Type" },
  Type: { 1: "TensorType" },
  TensorType: { 2: "Shape" },
  Shape: { 1: "Dimension" },
  Function: { 7: "Node", 9: "Opset" },
  Dimension: {},
  Entry: {},
  Opset: {},
} as const satisfies Record<string, Record<number, string>>;

export type TypeName = keyof typeof TYPES;

/** What the schema says of a field: a message's type, "varints", "floats", or nothing. */
export const roleOf = (type: TypeName, number: number) =>
  (TYPES[type] as Record<number, TypeName | "varints" | "floats" | undefined>)[number];

export function varint({ value, pad }: Varint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  do {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  } while (rest > 0n);
  for (let k = 0; k < pad; k++) bytes.push(128);
  bytes[bytes.length - 1] &= 127;
  return bytes;
}

/** Spells fields out as bytes. */
export const encode = (fields: readonly Field[]): Uint8Array =>
  new Uint8Array(Buffer.concat(fields.flatMap(parts)));

function parts(field: Field): Uint8Array[] {
  const tag = (wire: number) =>
    Uint8Array.from(varint({ value: BigInt(field.number * 8 + wire), pad: field.pad }));
  const delimited = (body: Uint8Array, pad: number) => [
    tag(2),
    Uint8Array.from(varint({ value: BigInt(body.length), pad })),
    body,
  ];
  switch (field.kind) {
    case "raw":
      return [field.bytes];
    case "fixed":
      return [tag(field.bytes.length === 4 ? 5 : 1), field.bytes];
    case "varint":
      return [tag(0), Uint8Array.from(varint(field.item))];
    case "bytes":
      return delimited(field.bytes, field.lengthPad);
    case "packed":
      return delimited(Uint8Array.from(field.items.flatMap(varint)), field.lengthPad);
    case "message":
      return delimited(encode(field.fields), field.lengthPad);
    case "group":
      return [tag(3), encode(field.fields), tag(4)];
  }
}

/** Reads bytes as fields of a message, by a reader that has nothing in common with the product's. */
export function parse(bytes: Uint8Array, type: TypeName | null): Field[] {
  let at = 0;
  const number = (): Varint => {
    let value = 0n;
    const start = at;
    do value |= BigInt(bytes[at] & 127) << BigInt(7 * (at - start));
    while (bytes[at++] & 128);
    const wanted = varint({ value, pad: 0 }).length;
    return { value: BigInt.asUintN(64, value), pad: at - start - wanted };
  };
  const take = (length: number) => {
    if (at + length > bytes.length) throw new Error(`${length} bytes at ${at} are not there`);
    at += length;
    return Uint8Array.from(bytes.subarray(at - length, at));
  };
  const message = (type: TypeName | null, end: number | null): Field[] => {
    const fields: Field[] = [];
    while (at < (end ?? bytes.length)) {
      const { value, pad } = number();
      const head = { number: Number(value >> 3n), pad };
      const wire = Number(value & 7n);
      if (wire === 4) return fields;
      if (wire === 0) fields.push({ ...head, kind: "varint", item: number() });
      else if (wire === 3) fields.push({ ...head, kind: "group", fields: message(null, null) });
      else if (wire !== 2) fields.push({ ...head, kind: "fixed", bytes: take(wire === 5 ? 4 : 8) });
      else {
        const { value: length, pad: lengthPad } = number();
        const role = type && roleOf(type, head.number);
        const body = take(Number(length));
        if (!role || role === "floats")
          fields.push({ ...head, kind: "bytes", bytes: body, lengthPad });
        else if (role === "varints")
          fields.push({ ...head, kind: "packed", items: varints(body), lengthPad });
        else
          fields.push({
            ...head,
            kind: "message",
            type: role,
            fields: parse(body, role),
            lengthPad,
          });
      }
    }
    if (end !== null && at !== end) throw new Error(`a field ends at ${at}, its message at ${end}`);
    return fields;
  };
  return message(type, type ? bytes.length : null);
}

function varints(bytes: Uint8Array): Varint[] {
  const items: Varint[] = [];
  let from = 0;
  for (const [k, byte] of bytes.entries())
    if (byte < 128) {
      const [field] = parse(Uint8Array.from([8, ...bytes.subarray(from, k + 1)]), null);
      if (field.kind === "varint") items.push(field.item);
      from = k + 1;
    }
  return items;
}
