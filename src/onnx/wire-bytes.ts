import { allocate, concat, lengthOf } from "./bytes.ts";
import { BYTES } from "./wire.ts";

/** Writes a number below 2^53 as a varint; returns its end. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  while (value >= 128) {
    bytes[at++] = (value % 128) | 128;
    value = Math.floor(value / 128);
  }
  bytes[at++] = value;
  return at;
}

/** Returns the length of a varint in bytes. */
export function varintLength(value: number): number {
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
