import { decodeNumbers } from "../graph/tensor.ts";

/** Types whose every value another type holds exactly: what is given as one is taken as the other. */
const WIDER: Readonly<Record<string, readonly string[]>> = {
  int64: ["int8", "uint8", "int16", "uint16", "int32", "uint32"],
  int32: ["int8", "uint8", "int16", "uint16"],
  float: ["float16"],
  double: ["float", "float16"],
};

/**
 * Whether values of a type can be taken as another's: integers as wider ones, floats as wider
 * ones. Never integers as floats: bytes of an image are no normalised numbers.
 */
export const isWidening = (from: string, to: string) => WIDER[to]?.includes(from) ?? false;

const ARRAYS = {
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  float: Float32Array,
} as const;

/** Little-endian values as those of a wider type. */
export function widened(bytes: Uint8Array, from: string, to: string): Uint8Array {
  const values: ArrayLike<number> =
    from === "float16"
      ? decodeNumbers(from, bytes)
      : new ARRAYS[from as keyof typeof ARRAYS](new Uint8Array(bytes).buffer);
  const made =
    to === "int64"
      ? BigInt64Array.from(values as number[], BigInt)
      : to === "int32"
        ? Int32Array.from(values)
        : to === "float"
          ? Float32Array.from(values)
          : Float64Array.from(values);
  return new Uint8Array(made.buffer);
}
