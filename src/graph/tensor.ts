import { getFloat16, setFloat16 } from "@petamoriken/float16";
import { allocate } from "../onnx/wire-bytes.ts";

/** A dense tensor to be written: `data` is little-endian raw data of `dtype`. */
export interface DenseTensor {
  readonly name: string;
  /** As ONNX spells it. */
  readonly dtype: string;
  readonly dims: readonly number[];
  readonly data: Uint8Array;
}

/** Numbers as raw data of a type, each rounded once, to nearest, ties to even. */
export function encodeNumbers(dtype: string, values: ArrayLike<number>): Uint8Array {
  switch (dtype) {
    case "float": {
      const bytes = allocate(values.length * 4);
      new Float32Array(bytes.buffer, bytes.byteOffset, values.length).set(values);
      return bytes;
    }
    case "double":
      return bytesOf(Float64Array.from(values));
    case "int64": {
      const bytes = allocate(values.length * 8);
      const view = new BigInt64Array(bytes.buffer, bytes.byteOffset, values.length);
      for (let k = 0; k < values.length; k++) view[k] = BigInt(values[k]);
      return bytes;
    }
    case "float16": {
      const bytes = new Uint8Array(values.length * 2);
      const view = new DataView(bytes.buffer);
      for (let k = 0; k < values.length; k++) setFloat16(view, 2 * k, values[k], true);
      return bytes;
    }
    case "bfloat16":
      return bytesOf(Uint16Array.from(values as number[], toBfloat16));
    case "bool":
    case "int8":
    case "uint8":
      return bytesOf(Int8Array.from(values));
    case "int32":
      return bytesOf(Int32Array.from(values));
    default:
      throw new Error(`no numbers are written as ${dtype}`);
  }
}

/** Floats of raw data as float64, exactly. */
export function decodeNumbers(dtype: string, bytes: Uint8Array): Float64Array {
  const { buffer } = new Uint8Array(bytes);
  switch (dtype) {
    case "float":
      return Float64Array.from(new Float32Array(buffer));
    case "double":
      return new Float64Array(buffer);
    case "float16": {
      const view = new DataView(buffer);
      return Float64Array.from({ length: bytes.length / 2 }, (_, k) =>
        getFloat16(view, 2 * k, true),
      );
    }
    case "bfloat16":
      return Float64Array.from(new Uint16Array(buffer), fromBfloat16);
    default:
      throw new Error(`${dtype} holds no floats`);
  }
}

/** Half the distance from 1 to the next number of the type: the largest relative rounding error. */
export const roundoff = (dtype: string) =>
  ({ float: 2 ** -24, double: 2 ** -53, float16: 2 ** -11, bfloat16: 2 ** -8 })[dtype] ?? 0;

/** The largest finite number of the type. */
export const largest = (dtype: string) =>
  ({ float: 2 ** 128 - 2 ** 104, float16: 65504, bfloat16: 2 ** 128 - 2 ** 120 })[dtype] ??
  Number.MAX_VALUE;

const scratch = new DataView(new ArrayBuffer(4));

function toBfloat16(value: number): number {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  if (Number.isNaN(value)) return (bits >>> 16) | 0x40;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

function fromBfloat16(bits: number): number {
  scratch.setUint32(0, bits << 16);
  return scratch.getFloat32(0);
}

const bytesOf = (view: ArrayBufferView) =>
  new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
