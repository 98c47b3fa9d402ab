import fc, { type GeneratorValue } from "fast-check";
import { type Field, roleOf, type TypeName, type Varint } from "./wire-tree.ts";

/** Draws of one run of a property. */
export interface Draw {
  /** An integer from 0 to `most`. */
  upTo(most: number): number;
  /** True once in `n`. */
  oneIn(n: number): boolean;
  bytes(most: number): Uint8Array;
}

/** Draws that fast-check can shrink and replay. */
export const drawing = (g: GeneratorValue): Draw => ({
  upTo: (most) => g(fc.nat, most),
  oneIn: (n) => g(fc.nat, n - 1) === n - 1,
  bytes: (most) => g(fc.uint8Array, { maxLength: most }),
});

/** Singular fields that hold messages: protobuf merges one that stands there several times. */
const SINGULAR: Partial<Record<TypeName, readonly number[]>> = {
  Model: [7],
  Attribute: [5, 6],
  ValueInfo: [2],
  Type: [1],
  TensorType: [2],
};

/**
 * The same message spelled as no writer would: fields of no known number at every level, needless
 * bytes in varints, another order, numbers packed or not, singular messages in several parts.
 */
export function roughen(draw: Draw, type: TypeName, fields: readonly Field[]): Field[] {
  const all = fields.flatMap((field): Field[] => {
    const head = { number: field.number, pad: lengthPad(draw) };
    if (field.kind === "message") {
      const inner = roughen(draw, field.type, field.fields);
      const part = (fields: Field[]): Field => ({
        ...field,
        ...head,
        fields,
        lengthPad: lengthPad(draw),
      });
      if (!SINGULAR[type]?.includes(field.number) || !draw.oneIn(3)) return [part(inner)];
      const cut = draw.upTo(inner.length);
      return [part(inner.slice(0, cut)), part(inner.slice(cut))];
    }
    const role = roleOf(type, field.number);
    if (field.kind === "packed")
      return repack(
        draw,
        field.items,
        (items) => [{ ...head, kind: "packed", items, lengthPad: lengthPad(draw) }],
        (item) => ({ ...head, kind: "varint", item }),
      );
    if (field.kind === "varint" && role === "varints" && draw.oneIn(2))
      return [{ ...head, kind: "packed", items: [field.item], lengthPad: lengthPad(draw) }];
    if (field.kind === "bytes" && role === "floats")
      return repack(
        draw,
        quads(field.bytes),
        (items) => [
          {
            ...head,
            kind: "bytes",
            bytes: Uint8Array.from(items.flatMap((quad) => [...quad])),
            lengthPad: lengthPad(draw),
          },
        ],
        (bytes) => ({ ...head, kind: "fixed", bytes }),
      );
    if (field.kind === "varint")
      return [{ ...head, kind: "varint", item: padded(draw, field.item) }];
    if (field.kind === "bytes") return [{ ...field, ...head, lengthPad: lengthPad(draw) }];
    return [{ ...field, ...head }];
  });
  const known = draw.oneIn(2) ? all : reordered(draw, all);
  for (let k = draw.upTo(2); k > 0; k--)
    known.splice(draw.upTo(known.length), 0, unknown(draw, draw.upTo(3)));
  return known;
}

const pad = (draw: Draw) => (draw.oneIn(4) ? draw.upTo(4) : 0);

/** protobuf's readers take tags and lengths of five bytes at most. */
const lengthPad = (draw: Draw) => (draw.oneIn(4) ? draw.upTo(2) : 0);

const padded = (draw: Draw, { value }: Varint): Varint => ({
  value,
  pad: value < 1n << 28n ? pad(draw) : 0,
});

function repack<T>(
  draw: Draw,
  items: readonly T[],
  packed: (items: T[]) => Field[],
  single: (item: T) => Field,
): Field[] {
  const fields: Field[] = [];
  for (let at = 0; at < items.length; ) {
    const count = 1 + draw.upTo(items.length - at - 1);
    const run = items.slice(at, at + count);
    fields.push(...(draw.oneIn(2) ? packed(run) : run.map(single)));
    at += count;
  }
  return fields;
}

const quads = (bytes: Uint8Array) =>
  Array.from({ length: bytes.length / 4 }, (_, k) => bytes.slice(4 * k, 4 * k + 4));

/** Another order; fields of one number keep theirs. */
function reordered(draw: Draw, fields: readonly Field[]): Field[] {
  const queues = new Map<number, Field[]>();
  for (const field of fields)
    queues.set(field.number, [...(queues.get(field.number) ?? []), field]);
  const order: Field[] = [];
  while (queues.size > 0) {
    const numbers = [...queues.keys()];
    const number = numbers[draw.upTo(numbers.length - 1)];
    const queue = queues.get(number) ?? [];
    order.push(...queue.splice(0, 1 + draw.upTo(2)));
    if (queue.length === 0) queues.delete(number);
  }
  return order;
}

/** A field that onnx.proto has nowhere, of any wire type. */
function unknown(draw: Draw, depth: number): Field {
  const number = draw.oneIn(4) ? 0x1fffffff - draw.upTo(9) : 200 + draw.upTo(9);
  const head = { number, pad: number < 1000 ? lengthPad(draw) : 0 };
  switch (draw.upTo(4)) {
    case 0:
      return {
        ...head,
        kind: "varint",
        item: padded(draw, { value: BigInt(draw.upTo(1 << 30)) ** 2n, pad: 0 }),
      };
    case 1:
      return { ...head, kind: "fixed", bytes: new Uint8Array(4).fill(draw.upTo(255)) };
    case 2:
      return { ...head, kind: "fixed", bytes: new Uint8Array(8).fill(draw.upTo(255)) };
    case 3:
      return { ...head, kind: "bytes", bytes: draw.bytes(200), lengthPad: lengthPad(draw) };
    default:
      return {
        ...head,
        kind: "group",
        fields: Array.from({ length: depth && draw.upTo(2) }, () => unknown(draw, depth - 1)),
      };
  }
}
