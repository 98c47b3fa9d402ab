import { InputError } from "../errors.ts";
import type { Range, Source } from "./source.ts";
import { TextPool } from "./text-pool.ts";

/** One protobuf field and its position: the tag is at `start`, the value from `body` to `end`. */
export interface Field {
  readonly number: number;
  readonly wire: number;
  readonly start: number;
  /** Start of the length prefix (wire type 2), otherwise of the value. */
  readonly prefix: number;
  readonly body: number;
  readonly end: number;
}

/** Returns the range of a field's value. */
export const valueRange = ({ body, end }: Field): Range => ({ start: body, end });

export const VARINT = 0;
const FIXED64 = 1;
export const BYTES = 2;
const START_GROUP = 3;
const END_GROUP = 4;
export const FIXED32 = 5;

const FIRST_WINDOW = 1 << 14;
const LAST_WINDOW = 1 << 20;
/** protobuf's own recursion limit; onnx and onnxruntime reject deeper messages. */
export const MAX_DEPTH = 100;

/**
 * The most slots of decoded messages: each takes about 30 bytes, and what is made of it three times
 * as much, of the 4 GB that Node allows. A node with its attributes and types has 20 to 100.
 */
const MOST_SLOTS = 3e7;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const signed = (value: bigint | number) =>
  typeof value === "number" ? value : Number(BigInt.asIntN(64, value));

/**
 * Reads protobuf wire format from a source through a sliding window, so that skipped ranges are
 * never loaded. Positions are offsets in the source.
 * @see https://protobuf.dev/programming-guides/encoding/
 */
export class WireReader {
  readonly source: Source;
  readonly #texts: TextPool;
  #window: Uint8Array;
  #from = 0;
  #next = FIRST_WINDOW;
  #pos = 0;
  #slots = 0;

  constructor(source: Source) {
    this.source = source;
    this.#texts = new TextPool(source.size);
    this.#window = source.read(0, Math.min(source.size, FIRST_WINDOW));
  }

  /** Counts slots of a message that is decoded. Throws if a small file decodes to more than fits. */
  countSlots(slots: number): void {
    this.#slots += slots;
    if (this.#slots > MOST_SLOTS)
      throw new InputError(
        `${this.source.name} has more nodes, attributes and types than fit into memory; it is damaged, or must be split into several models.`,
      );
  }

  /** Yields the fields of the message in `range`, in file order. */
  *fields(range: Range): Generator<Field> {
    let at = range.start;
    while (at < range.end) {
      const field = this.field(at, range.end);
      yield field;
      at = field.end;
    }
  }

  /** Returns the length-delimited fields with a number, in file order. */
  fieldsWith(number: number, range: Range): Field[] {
    return [...this.fields(range)].filter(
      (field) => field.number === number && field.wire === BYTES,
    );
  }

  /** Reads the value of a varint field as 64-bit two's complement; exact up to 2^53. */
  integer(field: Field): number {
    return signed(this.#varint(field.body, field.end));
  }

  /** Reads a varint field truncated to 32 bits, as protobuf reads int32 and enumerations. */
  integer32(field: Field): number {
    return Number(BigInt.asIntN(32, BigInt(this.#varint(field.body, field.end))));
  }

  /** Reads the values of a repeated integer field, packed or unpacked. */
  integers(field: Field): number[] {
    if (field.wire === VARINT) return [this.integer(field)];
    const values: number[] = [];
    for (let at = field.body; at < field.end; at = this.#pos)
      values.push(signed(this.#varint(at, field.end)));
    return values;
  }

  /** Reads the values of a repeated float field, packed or unpacked. */
  floats(field: Field): number[] {
    const bytes = this.bytes(valueRange(field));
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const values: number[] = [];
    for (let at = 0; at + 4 <= bytes.length; at += 4) values.push(view.getFloat32(at, true));
    return values;
  }

  /** Reads a string field. Throws if it is not UTF-8: names must survive being written again. */
  text(field: Field): string {
    const length = field.end - field.body;
    if (length > LAST_WINDOW)
      throw this.#error(field.start, `a name of ${length} bytes is too long`);
    const bytes = this.#load(field.body, field.end);
    const from = field.body - this.#from;
    const ascii = this.#texts.at(bytes, from, from + length);
    if (ascii !== null) return ascii;
    try {
      return utf8.decode(bytes.subarray(from, from + length));
    } catch {
      throw this.#error(field.start, "a name is not UTF-8");
    }
  }

  /** Returns the bytes of a range, at most 2 GiB, possibly as a view of the source. */
  bytes(range: Range): Uint8Array {
    if (range.start >= this.#from && range.end <= this.#from + this.#window.length)
      return this.#window.subarray(range.start - this.#from, range.end - this.#from);
    return this.source.read(range.start, range.end);
  }

  /** Reads the field at a position of a message that ends at `limit`, inside `depth` groups. */
  field(start: number, limit: number, depth = 0): Field {
    const tag = Number(this.#varint(start, limit));
    const prefix = this.#pos;
    const number = Math.floor(tag / 8);
    const wire = tag % 8;
    if (number === 0 || number > 0x1fffffff)
      throw this.#error(start, "the bytes are not a protobuf field");
    let body = prefix;
    let end: number;
    if (wire === VARINT) {
      this.#varint(prefix, limit);
      end = this.#pos;
    } else if (wire === FIXED64) end = prefix + 8;
    else if (wire === FIXED32) end = prefix + 4;
    else if (wire === BYTES) {
      const length = Number(this.#varint(prefix, limit));
      body = this.#pos;
      end = body + length;
    } else if (wire === START_GROUP) {
      end = this.#group(prefix, limit, number, depth + 1);
    } else throw this.#error(start, "the bytes are not a protobuf field");
    if (end > limit) {
      const over = end > this.source.size;
      throw this.#error(
        start,
        over
          ? `a field needs ${end - start} bytes and the file has ${this.source.size - start} more`
          : `a field of ${end - start} bytes is longer than the message it is in`,
      );
    }
    return { number, wire, start, prefix, body, end };
  }

  #group(start: number, limit: number, number: number, depth: number): number {
    if (depth > MAX_DEPTH) throw this.#error(start, "groups are nested too deep");
    for (let at = start; at < limit; ) {
      const tag = Number(this.#varint(at, limit));
      if (tag % 8 === END_GROUP) {
        if (Math.floor(tag / 8) !== number) break;
        return this.#pos;
      }
      at = this.field(at, limit, depth).end;
    }
    throw this.#error(start, "a group has no end");
  }

  /** Reads the varint at `at` and sets #pos to its end. */
  #varint(at: number, limit: number): bigint | number {
    const end = Math.min(at + 10, limit);
    const bytes = this.#load(at, Math.max(at, end));
    const from = at - this.#from;
    let value = 0;
    let scale = 1;
    for (let i = 0; i < end - at; i++) {
      const byte = bytes[from + i];
      if (i === 7) return this.#long(at, end);
      value += (byte & 127) * scale;
      if (byte < 128) {
        this.#pos = at + i + 1;
        return value;
      }
      scale *= 128;
    }
    throw this.#error(at, "a number does not end");
  }

  #long(at: number, end: number): bigint {
    const bytes = this.#load(at, end);
    let value = 0n;
    for (let i = 0; i < end - at; i++) {
      const byte = bytes[at - this.#from + i];
      value |= BigInt(byte & 127) << BigInt(7 * i);
      if (byte < 128) {
        this.#pos = at + i + 1;
        return BigInt.asUintN(64, value);
      }
    }
    throw this.#error(at, "a number does not end");
  }

  #load(start: number, end: number): Uint8Array {
    const loaded = this.#from + this.#window.length;
    if (start >= this.#from && end <= loaded) return this.#window;
    this.#next =
      start >= this.#from && start <= loaded ? Math.min(this.#next * 2, LAST_WINDOW) : FIRST_WINDOW;
    const to = Math.min(this.source.size, Math.max(end, start + this.#next));
    this.#window = this.source.read(start, to);
    this.#from = start;
    return this.#window;
  }

  #error(at: number, what: string): InputError {
    return new InputError(
      `${this.source.name} is not a readable ONNX model: at byte ${at}, ${what}; the file is truncated, damaged or of another format.`,
    );
  }
}
