import { Inflate } from "fflate";
import { InputError } from "../errors.ts";
import { foreignFormat } from "../onnx/foreign.ts";
import type { Source } from "../onnx/source.ts";

/** A file in a zip archive, as its central directory describes it. */
export interface ZipEntry {
  readonly name: string;
  /** Compression method: 0 stored, 8 deflated. */
  readonly method: number;
  readonly crc: number;
  /** Size in bytes in the archive. */
  readonly packed: number;
  /** Size in bytes when unpacked. */
  readonly size: number;
  /** Position of its local header. */
  readonly at: number;
}

const END = 0x06054b50;
const END_64_LOCATOR = 0x07064b50;
const END_64 = 0x06064b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const [STORED, DEFLATED, ENCRYPTED] = [0, 8, 1];
/** Size of the end record with the longest comment. */
const LONGEST_END = 22 + 0xffff;
/** The most bytes that one byte of deflate can unpack to, slightly above the format's 1032. */
const EXPANSION = 1100;

const damaged = ({ name }: Source, why: string) =>
  new InputError(`${name} is not a readable .npz file: ${why}; write it with numpy.savez.`);

/**
 * Returns the files of a zip archive, zip64 included. Reads only the central directory. Throws an
 * InputError if the directory is missing or refers to bytes outside the file.
 */
export function zipEntries(source: Source): ZipEntry[] {
  const foreign = foreignFormat(source, "data");
  if (foreign) throw new InputError(`${source.name} is not an .npz file: it is ${foreign}.`);
  const start = Math.max(0, source.size - LONGEST_END);
  const tail = viewOf(source, start, source.size);
  let at = tail.byteLength - 22;
  while (at >= 0 && tail.getUint32(at, true) !== END) at--;
  if (at < 0)
    throw damaged(source, "it has no end record, so it is truncated or of another format");
  let [count, size, from] = [
    tail.getUint16(at + 10, true),
    tail.getUint32(at + 12, true),
    tail.getUint32(at + 16, true),
  ];
  if (at >= 20 && tail.getUint32(at - 20, true) === END_64_LOCATOR) {
    const end = viewOf(source, long(tail, at - 12), long(tail, at - 12) + 56);
    if (end.getUint32(0, true) !== END_64) throw damaged(source, "its zip64 end record is missing");
    [count, size, from] = [long(end, 32), long(end, 40), long(end, 48)];
  }
  const directory = viewOf(source, from, from + size);
  const entries: ZipEntry[] = [];
  for (let at = 0; entries.length < count; ) {
    if (at + 46 > size || directory.getUint32(at, true) !== ENTRY)
      throw damaged(source, `its directory ends before the ${count} files that it announces`);
    const [name, extra, comment] = [28, 30, 32].map((k) => directory.getUint16(at + k, true));
    const next = at + 46 + name + extra + comment;
    if (next > size) throw damaged(source, "its directory is truncated");
    const entry = entryOf(directory, at, name, extra);
    if (entry.at + entry.packed > source.size || entry.size > EXPANSION * (entry.packed + 1))
      throw damaged(source, `${entry.name} cannot have the size that its directory states`);
    if (directory.getUint16(at + 8, true) & ENCRYPTED)
      throw damaged(source, `${entry.name} is encrypted`);
    entries.push(entry);
    at = next;
  }
  return entries;
}

function entryOf(view: DataView, at: number, name: number, extra: number): ZipEntry {
  let [packed, size, local] = [20, 24, 42].map((k) => view.getUint32(at + k, true));
  const [from, to] = [at + 46 + name, at + 46 + name + extra];
  for (let k = from; k + 4 <= to; k += 4 + view.getUint16(k + 2, true)) {
    if (view.getUint16(k, true) !== 1) continue;
    let wide = k + 4;
    const next = (value: number) => {
      if (value !== 0xffffffff || wide + 8 > to) return value;
      wide += 8;
      return long(view, wide - 8);
    };
    size = next(size);
    packed = next(packed);
    local = next(local);
  }
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at + 46, name);
  return {
    name: new TextDecoder().decode(bytes),
    method: view.getUint16(at + 10, true),
    crc: view.getUint32(at + 16, true),
    packed,
    size,
    at: local,
  };
}

const BLOCK = 1 << 18;

/** Unpacks a file of the archive by blocks. Throws an InputError if its checksum is wrong. */
export function* unpacked(source: Source, entry: ZipEntry): Generator<Uint8Array> {
  let [sum, length] = [0, 0];
  for (const block of blocksOf(source, entry)) {
    sum = crc32(block, sum);
    length += block.length;
    if (length > entry.size) break;
    yield block;
  }
  if (length !== entry.size || sum !== entry.crc)
    throw damaged(source, `${entry.name} does not match its checksum and size`);
}

/** Returns the start of a file's bytes if they are stored uncompressed; otherwise null. */
export const storedAt = (source: Source, entry: ZipEntry): number | null =>
  entry.method === STORED ? startOf(source, entry) : null;

function startOf(source: Source, { name, at, packed }: ZipEntry): number {
  const local = viewOf(source, at, at + 30);
  const start = at + 30 + local.getUint16(26, true) + local.getUint16(28, true);
  if (local.getUint32(0, true) !== LOCAL || start + packed > source.size)
    throw damaged(source, `${name} is not where its directory says`);
  return start;
}

function* blocksOf(source: Source, entry: ZipEntry): Generator<Uint8Array> {
  const { name, method, packed } = entry;
  const start = startOf(source, entry);
  if (method !== STORED && method !== DEFLATED)
    throw damaged(
      source,
      `${name} is compressed by method ${method}, but only deflate is supported`,
    );
  const out: Uint8Array[] = [];
  const inflate = method === DEFLATED ? new Inflate((block) => out.push(block)) : null;
  const end = start + packed;
  for (let from = start; from < end; from += BLOCK) {
    const to = Math.min(end, from + BLOCK);
    const block = source.read(from, to);
    if (!inflate) yield block;
    else {
      try {
        inflate.push(block, to === end);
      } catch {
        throw damaged(source, `${name} cannot be unpacked`);
      }
      yield* out.splice(0);
    }
  }
}

function viewOf(source: Source, start: number, end: number): DataView {
  if (!(start >= 0 && start <= end && end <= source.size))
    throw damaged(source, "it refers to bytes that it does not have");
  const bytes = source.read(start, end);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

const long = (view: DataView, at: number) => Number(view.getBigUint64(at, true));

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
  return byte;
});

/** Updates zip's checksum (CRC-32) with further bytes. */
function crc32(bytes: Uint8Array, before: number): number {
  let sum = ~before;
  for (let k = 0; k < bytes.length; k++) sum = TABLE[(sum ^ bytes[k]) & 255] ^ (sum >>> 8);
  return ~sum >>> 0;
}
