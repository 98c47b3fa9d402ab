import { allocate, concat, lengthOf } from "./bytes.ts";
import { BYTES, FIXED32, VARINT } from "./wire.ts";

/** Writes a number below 2^53 as a varint; returns its end. */
function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  while (value >= 128) {
    bytes[at++] = (value % 128) | 128;
    value = Math.floor(value / 128);
  }
  bytes[at++] = value;
  return at;
}

/** Returns the length of a varint in bytes. */
function varintLength(value: number): number {
  let length = 1;
  while (value >= 128) {
    value = Math.floor(value / 128);
    length++;
  }
  return length;
}

/** Encodes a number below 2^53 as a varint. */
export function varint(value: number): Uint8Array {
  const bytes = allocate(varintLength(value));
  writeVarint(bytes, 0, value);
  return bytes;
}

/** Encodes a length-delimited field: tag, length, and the parts. */
export const bytesField = (number: number, ...parts: Uint8Array[]): Uint8Array =>
  concat([fieldHead(number, lengthOf(parts)), ...parts]);

/** Encodes the start of a length-delimited field: tag and length. */
export function fieldHead(number: number, length: number): Uint8Array {
  const tag = number * 8 + BYTES;
  const bytes = allocate(varintLength(tag) + varintLength(length));
  writeVarint(bytes, writeVarint(bytes, 0, tag), length);
  return bytes;
}

const utf8 = new TextEncoder();

/** Sizes in bytes of the first buffer and of later ones, which are larger if a field needs it. */
const [FIRST, LARGEST] = [1 << 12, 1 << 20];

/** Writes protobuf fields in turn. Bytes that are taken stay in their buffer. */
export class WireWriter {
  #bytes = new Uint8Array(FIRST);
  /** Start of the bytes that were not taken yet; other positions count from here. */
  #from = 0;
  #at = 0;

  /** Bytes written since the last call of `take`. */
  get length(): number {
    return this.#at - this.#from;
  }

  /** Returns the bytes written so far, and starts again. */
  take(): Uint8Array {
    const bytes = this.#bytes.subarray(this.#from, this.#at);
    this.#from = this.#at;
    return bytes;
  }

  /** Writes an integer; a negative one takes ten bytes of two's complement. */
  integer(number: number, value: number): void {
    this.#tag(number, VARINT);
    this.#varint(value);
  }

  /** Writes repeated integers, packed; writes nothing if the list is empty. */
  integers(number: number, values: readonly number[]): void {
    this.#packed(number, values, (value) => this.#varint(value));
  }

  /** Writes repeated 32-bit floats, packed; writes nothing if the list is empty. */
  floats(number: number, values: readonly number[]): void {
    this.#packed(number, values, (value) => this.#float(value));
  }

  /** Writes a 32-bit float. */
  float(number: number, value: number): void {
    this.#tag(number, FIXED32);
    this.#float(value);
  }

  /** Writes a string; writes nothing if it is empty. */
  text(number: number, text: string): void {
    if (text !== "") this.#text(number, text);
  }

  /** Writes repeated strings, including empty ones. */
  texts(number: number, texts: readonly string[]): void {
    for (const text of texts) this.#text(number, text);
  }

  bytes(number: number, bytes: Uint8Array): void {
    this.#tag(number, BYTES);
    this.#varint(bytes.length);
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #packed(number: number, values: readonly number[], write: (value: number) => void): void {
    if (values.length > 0) this.message(number, () => values.forEach(write));
  }

  /**
   * Writes a message, whose fields `write` writes, or other content of a length that is known only
   * afterwards: reserves one byte for the length, and moves the content if it needs more.
   */
  message(number: number, write: () => void): void {
    this.#tag(number, BYTES);
    this.#room(1);
    this.#at++;
    const start = this.length;
    write();
    const length = this.length - start;
    const more = varintLength(length) - 1;
    if (more > 0) this.#room(more);
    const at = this.#from + start;
    if (more > 0) this.#bytes.copyWithin(at + more, at, this.#at);
    this.#at += more;
    writeVarint(this.#bytes, at - 1, length);
  }

  #text(number: number, text: string): void {
    const start = this.length;
    this.#tag(number, BYTES);
    this.#varint(text.length);
    this.#room(text.length);
    const [bytes, at] = [this.#bytes, this.#at];
    for (let k = 0; k < text.length; k++) {
      const code = text.charCodeAt(k);
      if (code > 127) {
        this.#at = this.#from + start;
        this.bytes(number, utf8.encode(text));
        return;
      }
      bytes[at + k] = code;
    }
    this.#at = at + text.length;
  }

  #float(value: number): void {
    this.#room(4);
    new DataView(this.#bytes.buffer).setFloat32(this.#at, value, true);
    this.#at += 4;
  }

  #tag(number: number, wire: number): void {
    this.#varint(number * 8 + wire);
  }

  #varint(value: number): void {
    this.#room(10);
    if (value >= 0) {
      this.#at = writeVarint(this.#bytes, this.#at, value);
      return;
    }
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest >= 128n; rest >>= 7n) this.#bytes[this.#at++] = Number(rest & 127n) | 128;
    this.#bytes[this.#at++] = Number(rest);
  }

  #room(more: number): void {
    if (this.#at + more <= this.#bytes.length) return;
    const open = this.#bytes.subarray(this.#from, this.#at);
    const usual = Math.min(2 * this.#bytes.length, LARGEST);
    this.#bytes = new Uint8Array(Math.max(usual, 2 * (open.length + more)));
    this.#bytes.set(open);
    this.#from = 0;
    this.#at = open.length;
  }
}
