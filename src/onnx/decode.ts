import { entry } from "../entry.ts";
import { InputError } from "../errors.ts";
import { withOne } from "./short-lists.ts";
import type { Range } from "./source.ts";
import { BYTES, FIXED32, type Field, MAX_DEPTH, VARINT, type WireReader } from "./wire.ts";

/** The position of an embedded message, and the messages around it. */
export interface Frame extends Range {
  /** Offset of the field's tag. */
  readonly at: number;
  /** Offset of its length prefix. */
  readonly prefix: number;
  readonly parent: Frame | null;
  readonly depth: number;
  /** The position of the message's earlier part, if it is split over several fields. */
  readonly earlier: Frame | null;
}

/** A message of a file, with its position. */
export interface Framed {
  readonly frame: Frame;
}

/** Returns the frame of a source that is one message. */
export const rootFrame = (size: number): Frame => ({
  at: 0,
  prefix: 0,
  start: 0,
  end: size,
  parent: null,
  depth: 0,
  earlier: null,
});

/** Returns the parts of a message in file order; concatenated, they are the message. */
export function partsOf(frame: Frame): Frame[] {
  const parts: Frame[] = [];
  for (let part: Frame | null = frame; part; part = part.earlier) parts.push(part);
  return parts.reverse();
}

/** Yields the fields of a message, those of all its parts. */
export function* fieldsIn(reader: WireReader, frame: Frame): Generator<Field> {
  for (const part of partsOf(frame)) yield* reader.fields(part);
}

/** Reads one field of a message: from the value so far and an occurrence to the new value. */
export interface FieldSlot<V> {
  readonly number: number;
  readonly wires: readonly number[];
  readonly start: V;
  read(reader: WireReader, field: Field, parent: Frame, before: V): V;
}

/** A slot for every property of a message except its frame. */
type Schema = Readonly<Record<string, FieldSlot<unknown>>>;

/** A decoded message: its position, and the value of each slot. */
export type Decoded<S> = { readonly frame: Frame } & {
  readonly [K in keyof S]: S[K] extends { readonly start: infer V } ? Unchanging<V> : never;
};

type Unchanging<V> = V extends (infer Item)[] ? readonly Item[] : V;

/** A schema for a message whose type is written out, because it contains itself. */
export type SchemaOf<T> = { readonly [K in Exclude<keyof T, "frame">]: FieldSlot<T[K]> };

/**
 * Decodes the message in `frame`. Like protobuf, skips fields without a slot and fields whose wire
 * type does not match. The last occurrence of a singular field counts. A message that is split over
 * several fields is merged: `before` holds what was read so far.
 */
export function decode<S extends Schema>(
  schema: S,
  reader: WireReader,
  frame: Frame,
  before: Decoded<S> | null = null,
): Decoded<S> {
  const { starts, byNumber } = entry(cache, schema, () => keyed(schema));
  const message: Record<string, unknown> = { ...before, frame };
  if (!before) {
    reader.countSlots(starts.length);
    for (const { key, slot } of starts) message[key] = slot.start;
  }
  for (let at = frame.start; at < frame.end; ) {
    const field = reader.field(at, frame.end);
    at = field.end;
    const known = byNumber[field.number];
    if (known?.slot.wires.includes(field.wire))
      message[known.key] = known.slot.read(reader, field, frame, message[known.key]);
  }
  return message as Decoded<S>;
}

/** The slots of a schema with the properties that they set, and each at the index of its number. */
function keyed(schema: Schema) {
  const starts = Object.entries(schema).map(([key, slot]) => ({ key, slot }));
  const byNumber: ((typeof starts)[number] | undefined)[] = [];
  for (const one of starts) byNumber[one.slot.number] = one;
  return { starts, byNumber };
}

const cache = new WeakMap<Schema, ReturnType<typeof keyed>>();

const NONE = Object.freeze([]) as unknown as never[];

const slot = <V>(
  number: number,
  wires: readonly number[],
  start: V,
  read: FieldSlot<V>["read"],
): FieldSlot<V> => ({ number, wires, start, read });

/** A string; "" if it is absent. */
export const string = (number: number) =>
  slot(number, [BYTES], "", (reader, field) => reader.text(field));

/** An operator set's domain; "" for ai.onnx, by either of its names. */
export const domainName = (number: number) =>
  slot(number, [BYTES], "", (reader, field) => {
    const name = reader.text(field);
    return name === "ai.onnx" ? "" : name;
  });

/** An integer; 0 if it is absent. Exact up to 2^53. */
export const integer = (number: number) =>
  slot(number, [VARINT], 0, (reader, field) => reader.integer(field));

/** An integer truncated to 32 bits, like protobuf's int32; 0 if it is absent. */
export const integer32 = (number: number) =>
  slot(number, [VARINT], 0, (reader, field) => reader.integer32(field));

/** The number of an enumeration. protobuf keeps 32 bits and skips numbers that it does not know. */
export const choice = (number: number, known: readonly number[]) =>
  slot(number, [VARINT], 0, (reader, field, _, before) => {
    const given = reader.integer32(field);
    return known.includes(given) ? given : before;
  });

/** An integer; null if it is absent. */
export const optionalInteger = (number: number) =>
  slot<number | null>(number, [VARINT], null, (reader, field) => reader.integer(field));

/** A float; null if it is absent. */
export const optionalFloat = (number: number) =>
  slot<number | null>(number, [FIXED32], null, (reader, field) => reader.floats(field)[0] ?? null);

/** The byte range of a bytes field's value; null if it is absent. */
export const place = (number: number) =>
  slot<Range | null>(number, [BYTES], null, (_, { body, end }) => ({ start: body, end }));

/** A repeated field that may be packed. */
const many = (
  number: number,
  wire: number,
  read: (reader: WireReader, field: Field) => readonly number[],
) =>
  slot<number[]>(number, [wire, BYTES], NONE, (reader, field, _, all) =>
    read(reader, field).reduce((list: number[], value) => withOne(list, value), all),
  );

/** A repeated field that holds one item. */
const list = <V>(number: number, read: (reader: WireReader, field: Field, parent: Frame) => V) =>
  slot<V[]>(number, [BYTES], NONE, (reader, field, parent, all) =>
    withOne(all, read(reader, field, parent)),
  );

/** Repeated fields that are not decoded. */
export const undecoded = (number: number) => list(number, (_, field) => field);

/** Repeated strings. */
export const strings = (number: number) => list(number, (reader, field) => reader.text(field));

/** Repeated integers, packed or unpacked. */
export const integers = (number: number) =>
  many(number, VARINT, (reader, field) => reader.integers(field));

/** Repeated floats, packed or unpacked. */
export const floats = (number: number) =>
  many(number, FIXED32, (reader, field) => reader.floats(field));

/** Repeated messages. A function returns the schema, because messages contain one another. */
export const messages = <S extends Schema>(number: number, schema: () => S) =>
  list(number, (reader, field, parent) => decode(schema(), reader, frameOf(reader, field, parent)));

/** A message; null if it is absent. */
export const message = <S extends Schema>(number: number, schema: () => S) =>
  slot<Decoded<S> | null>(number, [BYTES], null, (reader, field, parent, before) =>
    decode(schema(), reader, frameOf(reader, field, parent, before), before),
  );

/** Returns the frame of a field inside `parent`; `before` is its message's earlier part. */
function frameOf(reader: WireReader, field: Field, parent: Frame, before: unknown = null): Frame {
  const { start, prefix, body, end } = field;
  if (parent.depth >= MAX_DEPTH)
    throw new InputError(
      `${reader.source.name}: messages are nested more than ${MAX_DEPTH} deep, which protobuf readers reject; flatten the model's subgraphs.`,
    );
  const earlier = (before as { frame: Frame } | null)?.frame ?? null;
  return { at: start, prefix, start: body, end, parent, depth: parent.depth + 1, earlier };
}
