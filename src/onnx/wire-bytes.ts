import { BYTES } from "./wire.ts";

const SLAB = 1 << 16;
let slab = new Uint8Array(0);

/**
 * Zeroed bytes to be written, at a multiple of 8 in their buffer. Short ones share a buffer, since
 * a buffer costs more than what is in it.
 */
export function allocate(length: number): Uint8Array {
  if (length > SLAB >> 4) return new Uint8Array(length);
  const taken = Math.ceil(length / 8) * 8;
  if (taken > slab.length) slab = new Uint8Array(SLAB);
  const bytes = slab.subarray(0, length);
  slab = slab.subarray(taken);
  return bytes;
}

/** Writes a number below 2^53 as a varint; tells where it ends. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  while (value >= 128) {
    bytes[at++] = (value % 128) | 128;
    value = Math.floor(value / 128);
  }
  bytes[at++] = value;
  return at;
}

/** Bytes of a varint. */
export function varintLength(value: number): number {
  let length = 1;
  while (value >= 128) {
    value = Math.floor(value / 128);
    length++;
  }
  return length;
}

/** A number below 2^53 as a varint. */
export function varint(value: number): Uint8Array {
  const bytes = allocate(varintLength(value));
  writeVarint(bytes, 0, value);
  return bytes;
}

/** A length-delimited field: tag, length, the parts one after the other. */
export function bytesField(number: number, ...parts: Uint8Array[]): Uint8Array {
  const tag = number * 8 + BYTES;
  const length = lengthOf(parts);
  const bytes = allocate(varintLength(tag) + varintLength(length) + length);
  return join(bytes, writeVarint(bytes, writeVarint(bytes, 0, tag), length), parts);
}

/** Byte strings one after the other. */
export const concat = (parts: readonly Uint8Array[]) => join(allocate(lengthOf(parts)), 0, parts);

/** Whether two byte strings are the same. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let k = 0; k < a.length; k++) if (a[k] !== b[k]) return false;
  return true;
}

const lengthOf = (parts: readonly Uint8Array[]) =>
  parts.reduce((sum, part) => sum + part.length, 0);

function join(bytes: Uint8Array, at: number, parts: readonly Uint8Array[]): Uint8Array {
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
