import { tried } from "../errors.ts";

const SLAB = 1 << 16;
let slab = new ArrayBuffer(0);
let free = 0;

/**
 * Allocates zeroed bytes, aligned to 8 in their buffer. Short ones share a buffer, because a buffer
 * costs more than its content.
 */
export function allocate(length: number): Uint8Array {
  if (length > SLAB >> 4) return new Uint8Array(length);
  if (free + length > slab.byteLength) {
    slab = new ArrayBuffer(SLAB);
    free = 0;
  }
  const bytes = new Uint8Array(slab, free, length);
  free += Math.ceil(length / 8) * 8;
  return bytes;
}

/** Concatenates byte strings. */
export const concat = (parts: readonly Uint8Array[]) => join(allocate(lengthOf(parts)), parts);

/** Whether two byte strings are equal. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  const [x, y] = [words(a), words(b)];
  return equalArrays(x, y) && equalArrays(a.subarray(x.byteLength), b.subarray(x.byteLength));
}

/** Views the bytes as whole words, as many as fit; copies bytes that are not aligned. */
function words(bytes: Uint8Array): Uint32Array {
  const { buffer, byteOffset, byteLength } =
    bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
  return new Uint32Array(buffer, byteOffset, byteLength >>> 2);
}

function equalArrays(a: Uint8Array | Uint32Array, b: Uint8Array | Uint32Array): boolean {
  for (let k = 0; k < a.length; k++) if (a[k] !== b[k]) return false;
  return true;
}

export const lengthOf = (parts: readonly Uint8Array[]) =>
  parts.reduce((sum, part) => sum + part.length, 0);

/** Fills bytes with parts, one behind the other; returns the bytes. */
export function join<T extends Uint8Array>(bytes: T, parts: Iterable<Uint8Array>): T {
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Codes per call, because they are passed as arguments. */
const CHUNK = 1024;

/** Returns the text whose character codes are a range of bytes. */
export function textOfCodes(bytes: Uint8Array, from = 0, to = bytes.length): string {
  let text = "";
  // A spread would make an object of each byte.
  for (let at = from; at < to; at += CHUNK)
    text += String.fromCharCode.apply(null, bytes.subarray(at, Math.min(to, at + CHUNK)) as never);
  return text;
}

/** Returns the bytes that a typed array shows. */
export const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Returns what a JSON text in UTF-8 holds; null if it is not one. */
export const jsonIn = (bytes: Uint8Array): unknown => tried(() => JSON.parse(utf8.decode(bytes)));
