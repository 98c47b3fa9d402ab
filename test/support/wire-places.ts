import { type Field, TYPES, type TypeName } from "./wire-tree.ts";

/** Where a field stands in a spelled-out model. */
export interface Place {
  /** The fields of the message it is in. */
  readonly list: Field[];
  readonly at: number;
  /** What that message is; null inside a group. */
  readonly type: TypeName | null;
}

/** The field at a place. */
export const fieldAt = ({ list, at }: Place): Field => list[at];

/** Every field of a message, at any depth. */
export function* places(list: Field[], type: TypeName | null): Generator<Place> {
  for (const [at, field] of list.entries()) {
    yield { list, at, type };
    if (field.kind === "message") yield* places(field.fields, field.type);
    if (field.kind === "group") yield* places(field.fields, null);
  }
}

/** The messages of a type, at any depth, with the places they stand at. */
export const messagesOf = (model: Field[], wanted: TypeName): Message[] =>
  [...places(model, "Model")]
    .map(fieldAt)
    .filter((field): field is Message => field.kind === "message" && field.type === wanted);

/** A field that is a message. */
export type Message = Extract<Field, { kind: "message" }>;

/** A copy whose fields may be changed, bytes shared. */
export const copy = (fields: readonly Field[]): Field[] =>
  fields.map((field) =>
    field.kind === "message" || field.kind === "group"
      ? { ...field, fields: copy(field.fields) }
      : field.kind === "varint"
        ? { ...field, item: { ...field.item } }
        : field.kind === "packed"
          ? { ...field, items: field.items.map((item) => ({ ...item })) }
          : { ...field },
  );

/** Fields that hold text, by message. */
const TEXTS: Partial<Record<TypeName, readonly number[]>> = {
  Model: [2],
  Graph: [2],
  Node: [1, 2, 3, 4, 7],
  Attribute: [1, 21],
  Tensor: [8],
  ValueInfo: [1],
  Dimension: [2],
  Entry: [1, 2],
  Opset: [1],
  Function: [1, 4, 5, 10],
};

/** Whether the field at a place is text. */
export const isText = (place: Place): boolean => {
  const field = fieldAt(place);
  return (
    field.kind === "bytes" &&
    place.type !== null &&
    (TEXTS[place.type]?.includes(field.number) ?? false)
  );
};

/** A field with text in it. */
export const textField = (number: number, value: string): Field => ({
  number,
  pad: 0,
  kind: "bytes",
  bytes: new TextEncoder().encode(value),
  lengthPad: 0,
});

/** A field with a number in it. */
export const numberField = (number: number, value: bigint | number): Field => ({
  number,
  pad: 0,
  kind: "varint",
  item: { value: BigInt.asUintN(64, BigInt(value)), pad: 0 },
});

/** A field that is a message of a type. */
export const messageField = (number: number, type: TypeName, fields: Field[]): Message => ({
  number,
  pad: 0,
  kind: "message",
  type,
  fields,
  lengthPad: 0,
});

/** A field's text. */
export const textOf = (field: Field | undefined): string =>
  field?.kind === "bytes" ? new TextDecoder().decode(field.bytes) : "";

/** The messages a type holds, by field number. */
export const inside = (type: TypeName) => Object.keys(TYPES[type]).map(Number);
