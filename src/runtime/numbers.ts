import { dataTypeNamed } from "../onnx/data-types.ts";

const ARRAYS = {
  bool: Uint8Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  float16: Uint16Array,
  float: Float32Array,
  double: Float64Array,
} as const;

/** Little-endian raw data as an array of its type; float16 as its bits. Copies only to align. */
export function arrayOf(dtype: string, bytes: Uint8Array) {
  const array = ARRAYS[dtype as keyof typeof ARRAYS];
  if (!array) throw new TypeError(`${dtype} has no typed array`);
  const wide = array.BYTES_PER_ELEMENT;
  const aligned = bytes.byteOffset % wide === 0 ? bytes : new Uint8Array(bytes);
  return new array(aligned.buffer as ArrayBuffer, aligned.byteOffset, bytes.length / wide);
}

/** Little-endian raw data as numbers: float16 as single precision, exactly. */
export function numbersIn(dtype: string, bytes: Uint8Array): ArrayLike<number | bigint> {
  const values = arrayOf(dtype, bytes);
  return dtype === "float16" ? singleOf(values as Uint16Array) : values;
}

let table: Float32Array | null = null;

/** float16 as single precision, by a table of all its 65,536 values. */
export function singleOf(bits: Uint16Array): Float32Array {
  table ??= tableOfHalf();
  const values = new Float32Array(bits.length);
  for (let k = 0; k < bits.length; k++) values[k] = table[bits[k]];
  return values;
}

function tableOfHalf(): Float32Array {
  const values = new Float32Array(1 << 16);
  for (let bits = 0; bits < 1 << 16; bits++) {
    const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
    const size =
      exponent === 31
        ? fraction === 0
          ? Number.POSITIVE_INFINITY
          : Number.NaN
        : exponent === 0
          ? fraction * 2 ** -24
          : (1024 + fraction) * 2 ** (exponent - 25);
    values[bits] = bits & 0x8000 ? -size : size;
  }
  return values;
}

/** The place of the first NaN; null where there is none. */
export function firstNaN(dtype: string, bytes: Uint8Array): number | null {
  const values = arrayOf(dtype, bytes) as Float32Array | Uint16Array;
  if (dtype === "float16") {
    for (let k = 0; k < values.length; k++) if ((values[k] & 0x7fff) > 0x7c00) return k;
    return null;
  }
  for (let k = 0; k < values.length; k++) if (Number.isNaN(values[k])) return k;
  return null;
}

/** Bytes of an element. */
export const widthOf = (dtype: string) => dataTypeNamed(dtype)!.bits / 8;
