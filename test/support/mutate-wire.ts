import type { SeededDraw } from "./seeded.ts";
import { copy, fieldAt, type Place, places } from "./wire-places.ts";
import { encode, type Field, varint } from "./wire-tree.ts";

/** Changes a spelled-out model in place; false where it has nothing of the kind. */
export type Mutation = (draw: SeededDraw, model: Field[], donor: Field[]) => boolean;

const anywhere = (draw: SeededDraw, model: Field[], fits: (place: Place) => boolean = () => true) =>
  pick(
    draw,
    [...places(model, "Model")].filter(({ list, at }) => list[at].kind !== "raw").filter(fits),
  );

/** One place; null where there is none. Small messages are as likely as large ones. */
export function pick(draw: SeededDraw, from: readonly Place[]): Place | null {
  if (from.length === 0) return null;
  const kinds = [...new Set(from.map(kindOf))];
  const kind = draw.one(kinds);
  return draw.one(from.filter((place) => kindOf(place) === kind));
}

const kindOf = (place: Place) => `${place.type} ${fieldAt(place).number}`;

/** Numbers at which readers go wrong. */
export const NUMBERS: readonly bigint[] = [
  0n,
  1n,
  2n,
  3n,
  7n,
  8n,
  255n,
  65536n,
  (1n << 31n) - 1n,
  1n << 31n,
  (1n << 32n) - 1n,
  1n << 32n,
  1n << 40n,
  (1n << 53n) + 1n,
  (1n << 63n) - 1n,
  1n << 63n,
  (1n << 64n) - 1n,
  (1n << 64n) - 2n,
  (1n << 64n) - 3n,
];

/** Bytes that a field may be repeated to. */
const LARGEST = 1 << 20;

/** What can be done to any protobuf message, whatever it means. */
export const wireMutations = {
  drop: (draw, model) => {
    const place = anywhere(draw, model);
    place?.list.splice(place.at, 1);
    return place !== null;
  },
  duplicate: (draw, model) => {
    const place = anywhere(draw, model);
    if (!place) return false;
    const room = Math.min(2000, Math.floor(LARGEST / encode([fieldAt(place)]).length));
    const times = draw.oneIn(8) ? draw.upTo(room) : 1;
    const added = Array.from({ length: times }, () => copy([fieldAt(place)])[0]);
    place.list.splice(draw.oneIn(2) ? place.at : place.list.length, 0, ...added);
    return true;
  },
  splice: (draw, model, donor) => {
    const from = anywhere(draw, donor);
    if (!from) return false;
    const into = anywhere(draw, model, ({ type }) => type === from.type);
    if (!into) return false;
    const [field] = copy([fieldAt(from)]);
    into.list.splice(into.at, draw.upTo(1), field);
    return true;
  },
  move: (draw, model) => {
    const from = anywhere(draw, model);
    const into = from && anywhere(draw, model, ({ type }) => type === from.type);
    if (!from || !into) return false;
    const [field] = from.list.splice(from.at, 1);
    into.list.splice(draw.upTo(into.list.length), 0, field);
    return true;
  },
  swap: (draw, model) => {
    const a = anywhere(draw, model);
    const b = a && anywhere(draw, model, (place) => kindOf(place) === kindOf(a));
    if (!a || !b || a.at === b.at) return false;
    const [one, other] = copy([fieldAt(a), fieldAt(b)]);
    a.list[a.at] = other;
    b.list[b.at] = one;
    return true;
  },
  renumber: (draw, model) => {
    const place = anywhere(draw, model);
    if (!place) return false;
    fieldAt(place).number = draw.oneIn(4) ? draw.upTo(0x1fffffff) : 1 + draw.upTo(25);
    return true;
  },
  number: (draw, model) => {
    const place = anywhere(draw, model, (it) => ["varint", "packed"].includes(fieldAt(it).kind));
    if (!place) return false;
    const field = fieldAt(place);
    const other = (value: bigint) => ({
      value: draw.oneIn(3)
        ? BigInt.asUintN(64, value + BigInt(draw.upTo(4) - 2))
        : draw.one(NUMBERS),
      pad: draw.oneIn(20) ? draw.upTo(9) : 0,
    });
    if (field.kind === "varint") field.item = other(field.item.value);
    if (field.kind === "packed") {
      const at = draw.upTo(field.items.length);
      field.items[at] = other(field.items[at]?.value ?? 0n);
    }
    return true;
  },
  fixed: (draw, model) => {
    const place = anywhere(draw, model, (it) => fieldAt(it).kind === "fixed");
    const field = place && fieldAt(place);
    if (field?.kind !== "fixed") return false;
    const value = draw.one([0, -0, 1, -1, 1e-45, 3e38, Infinity, -Infinity, Number.NaN]);
    const bytes = new Uint8Array(field.bytes.length);
    const view = new DataView(bytes.buffer);
    if (bytes.length === 4) view.setFloat32(0, value, true);
    else view.setFloat64(0, value, true);
    field.bytes = bytes;
    return true;
  },
  blob: (draw, model) => {
    const place = anywhere(draw, model, (it) => fieldAt(it).kind === "bytes");
    const field = place && fieldAt(place);
    if (field?.kind !== "bytes") return false;
    field.bytes = damaged(draw, field.bytes, field.bytes);
    return true;
  },
  "lying length": (draw, model) => {
    const place = anywhere(draw, model, (it) =>
      ["bytes", "packed", "message"].includes(fieldAt(it).kind),
    );
    if (!place) return false;
    const spelled = encode([fieldAt(place)]);
    const body = bodyOf(fieldAt(place));
    const length = draw.oneIn(2)
      ? BigInt(Math.max(0, body.length + draw.upTo(8) - 4))
      : draw.one(NUMBERS);
    const tag = varint({ value: BigInt(fieldAt(place).number * 8 + 2), pad: 0 });
    const bytes = Uint8Array.from([...tag, ...varint({ value: length, pad: 0 }), ...body]);
    place.list[place.at] = { number: 0, pad: 0, kind: "raw", bytes };
    return bytes.length !== spelled.length || bytes.some((byte, k) => byte !== spelled[k]);
  },
  "wire type": (draw, model) => {
    const place = anywhere(draw, model);
    if (!place) return false;
    const { number } = fieldAt(place);
    const head = { number, pad: 0 };
    place.list[place.at] = draw.one<Field>([
      { ...head, kind: "varint", item: { value: draw.one(NUMBERS), pad: 0 } },
      { ...head, kind: "fixed", bytes: new Uint8Array(4).fill(draw.upTo(255)) },
      { ...head, kind: "fixed", bytes: new Uint8Array(8).fill(draw.upTo(255)) },
      { ...head, kind: "bytes", bytes: draw.bytes(40), lengthPad: 0 },
      { ...head, kind: "group", fields: [] },
    ]);
    return true;
  },
  groups: (draw, model) => {
    const place = anywhere(draw, model);
    if (!place) return false;
    const depth = draw.one([1, 99, 101, 3000, 100_000]);
    const tag = (wire: bigint) => varint({ value: 300n * 8n + wire, pad: 0 });
    const bytes = Uint8Array.from(
      [tag(3n), tag(4n)].flatMap((one) => new Array(depth).fill(one).flat()),
    );
    place.list.splice(place.at, 0, { number: 0, pad: 0, kind: "raw", bytes });
    return true;
  },
} satisfies Record<string, Mutation>;

const bodyOf = (field: Field) =>
  field.kind === "message"
    ? encode(field.fields)
    : field.kind === "packed"
      ? Uint8Array.from(field.items.flatMap(varint))
      : field.kind === "bytes"
        ? field.bytes
        : new Uint8Array();

/** Bytes flipped, cut, doubled, or mixed with others. */
export function damaged(draw: SeededDraw, bytes: Uint8Array, other: Uint8Array): Uint8Array {
  const at = draw.upTo(bytes.length);
  const length = Math.min(draw.oneIn(2) ? draw.upTo(8) : draw.upTo(1 << 16), bytes.length - at);
  const join = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));
  switch (draw.upTo(5)) {
    case 0:
      return bytes.slice(0, at);
    case 1:
      return join(bytes.subarray(0, at), bytes.subarray(at + length));
    case 2:
      return join(bytes.subarray(0, at + length), bytes.subarray(at));
    case 3: {
      const from = draw.upTo(other.length);
      return join(
        bytes.subarray(0, at),
        other.subarray(from, from + length),
        bytes.subarray(draw.oneIn(2) ? at : at + length),
      );
    }
    case 4:
      return join(bytes.subarray(0, at), draw.bytes(16), bytes.subarray(at));
    default: {
      const flipped = bytes.slice();
      for (let k = draw.upTo(3); k >= 0; k--)
        flipped[draw.upTo(bytes.length - 1)] ^= 1 << draw.upTo(7);
      return flipped;
    }
  }
}
