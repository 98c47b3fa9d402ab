import { InputError, tried } from "../errors.ts";
import { bytes } from "../figures.ts";
import { join, textOfCodes } from "../onnx/bytes.ts";
import { dataTypeNamed, elements, forEachPlace, namedBy, showShape } from "../onnx/dtypes.ts";
import type { TensorHeader } from "../onnx/new-node.ts";
import type { Source } from "../onnx/source.ts";
import { storedAt, unpacked, type ZipEntry, zipEntries } from "./zip.ts";

/** An array of an .npz: its header; its values are not loaded. */
export interface StoredArray extends TensorHeader {
  /** Size of its values in bytes. */
  readonly size: number;
  /** Start of its values in the file; null if they are compressed. */
  readonly at: number | null;
  /** Reads a range of its values' bytes, if they are at hand already. */
  range?(start: number, end: number): Uint8Array;
  /** Reads its values, little-endian, into memory. */
  load(): Uint8Array;
  /** Reads its values, little-endian, block by block; checks the checksum at the end. */
  blocks(): Generator<Uint8Array>;
}

/** The arrays of an .npz by name. Reads a header when its array is requested, and no values. */
export interface Npz {
  readonly names: readonly string[];
  /** Returns an array's header. Throws an InputError if a model could not take the array. */
  array(name: string): StoredArray;
}

/**
 * Opens an .npz, as written by numpy.savez and savez_compressed. Reads only its directory. Rejects
 * an array of more than `free` bytes before it is loaded; null sets no limit.
 */
export function openNpz(source: Source, free: number | null = null): Npz {
  const { name: file } = source;
  if (source.size === 0) throw new InputError(`${file} is empty; write an .npz with numpy.savez.`);
  const entries = new Map<string, ZipEntry>();
  for (const entry of zipEntries(source)) {
    const name = entry.name.replace(/\.npy$/, "");
    if (name === entry.name) continue;
    if (entries.has(name))
      throw new InputError(`${file} contains two arrays named ${name}; write it with numpy.savez.`);
    entries.set(name, entry);
  }
  return {
    names: [...entries.keys()],
    array: (name) => arrayOf(source, name, entries.get(name)!, free),
  };
}

/** The longest header that is read; that of a structured type could have any length. */
const LONGEST_HEADER = 1 << 16;

function arrayOf(source: Source, name: string, entry: ZipEntry, free: number | null): StoredArray {
  const title = `array ${name} of ${source.name}`;
  const { text, end } = header(title, unpacked(source, entry));
  const dtype = dtypeIn(title, text);
  const isFortran = /'fortran_order':\s*True/.test(text);
  const [, shape] = /'shape':\s*\(([\d,\sL]*)\)/.exec(text) ?? [];
  if (shape === undefined)
    throw new InputError(
      `${title} does not have a shape in its header; write it with numpy.savez.`,
    );
  const dims = (shape.match(/\d+/g) ?? []).map(Number);
  const size = (elements(dims) * dataTypeNamed(dtype)!.bits) / 8;
  if (size !== entry.size - end)
    throw new InputError(
      `${title} is ${dtype} ${showShape(dims)} and needs ${size} bytes, but has ${entry.size - end}; write it again.`,
    );
  function* blocks() {
    let left = end;
    for (const block of unpacked(source, entry)) {
      if (left < block.length) yield block.subarray(left);
      left = Math.max(0, left - block.length);
    }
  }
  const load = () => join(reserved(title, size, free), blocks());
  if (isFortran && dims.length > 1) {
    const turned = () => inRows(load(), dims);
    const whole = function* () {
      yield turned();
    };
    return { name, dtype, dims, size, at: null, load: turned, blocks: whole };
  }
  const start = storedAt(source, entry);
  return { name, dtype, dims, size, at: start === null ? null : start + end, load, blocks };
}

/** Returns the type that an .npy header states. Throws an InputError for one that models cannot take. */
function dtypeIn(title: string, text: string): string {
  const [, descr] = /'descr':\s*(?:'([^']*)'|)/.exec(text) ?? [];
  const [, order, code] = /^([<>=|])?(\w+)$/.exec(descr ?? "") ?? [];
  const dtype = namedBy("numpy", code);
  // NumPy saves a bfloat16 or float8, which it lacks, as bytes.
  const advice = /^(f|V[12]$)/.test(code)
    ? 'save it .astype("float32")'
    : "save numbers (numpy.unique(labels, return_inverse=True)[1] numbers words)";
  if (!dtype)
    throw new InputError(
      `${title} is ${code === "O" ? "of Python objects" : `of type ${descr || "structured"}`}, which models cannot take; ${advice}.`,
    );
  if (order === ">" && dataTypeNamed(dtype)!.bits > 8)
    throw new InputError(`${title} is big-endian (${descr}); save it .astype("<${code}").`);
  return dtype;
}

/** Reorders values from Fortran order, in which the first axis runs fastest, to C order. */
function inRows(bytes: Uint8Array, dims: readonly number[]): Uint8Array {
  const width = bytes.length / (elements(dims) || 1);
  const strides = dims.map((_, axis) => elements(dims.slice(0, axis)));
  const turned = new Uint8Array(bytes.length);
  forEachPlace(dims, strides, (to, from) => {
    for (let k = 0; k < width; k++) turned[to * width + k] = bytes[from * width + k];
  });
  return turned;
}

/** Returns an .npy header's text, and the start of the values. */
function header(title: string, blocks: Iterable<Uint8Array>): { text: string; end: number } {
  let bytes = new Uint8Array();
  const refuse = () =>
    new InputError(`${title} does not have an .npy header; write the file with numpy.savez.`);
  for (const block of blocks) {
    bytes = join(new Uint8Array(bytes.length + block.length), [bytes, block]);
    if (bytes.length < 12) continue;
    if (bytes[0] !== 0x93 || textOfCodes(bytes.subarray(1, 6)) !== "NUMPY") throw refuse();
    const view = new DataView(bytes.buffer);
    const wide = bytes[6] >= 2;
    const start = wide ? 12 : 10;
    const end = start + (wide ? view.getUint32(8, true) : view.getUint16(8, true));
    if (end > LONGEST_HEADER) throw refuse();
    if (bytes.length >= end)
      return { text: new TextDecoder().decode(bytes.subarray(start, end)), end };
  }
  throw refuse();
}

function reserved(title: string, size: number, free: number | null): Uint8Array {
  if (free !== null && size > free)
    throw new InputError(
      `${title} takes ${bytes(size)} when unpacked, but ${bytes(free)} of memory are free; give a smaller array.`,
    );
  const room = tried(() => new Uint8Array(size));
  if (room) return room;
  throw new InputError(
    `${title} has ${size} bytes, more than one array can have here; give it as a path, or split it.`,
  );
}
