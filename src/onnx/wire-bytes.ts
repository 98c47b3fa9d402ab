import { allocate, join, lengthOf } from "./bytes.ts";
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
export function bytesField(number: number, ...parts: Uint8Array[]): Uint8Array {
  const length = lengthOf(parts);
  const start = headLength(number, length);
  const bytes = allocate(start + length);
  writeHead(bytes, number, length);
  return join(bytes, start, parts);
}

/** Encodes the start of a length-delimited field: tag and length. */
export function fieldHead(number: number, length: number): Uint8Array {
  const bytes = allocate(headLength(number, length));
  writeHead(bytes, number, length);
  return bytes;
}

const headLength = (number: number, length: number) =>
  varintLength(number * 8 + BYTES) + varintLength(length);

const writeHead = (bytes: Uint8Array, number: number, length: number) =>
  writeVarint(bytes, writeVarint(bytes, 0, number * 8 + BYTES), length);
