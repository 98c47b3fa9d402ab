import { numbersOfBytes } from "../../src/graph/numbers.ts";

/** Types whose every value another type holds exactly: what is given as one is taken as the other. */
const WIDER: Readonly<Record<string, readonly string[]>> = {
  int64: ["int8", "uint8", "int16", "uint16", "int32", "uint32"],
  int32: ["int8", "uint8", "int16", "uint16"],
  float: ["float16"],
  double: ["float", "float16"],
};

/**
 * Whether values of a type can be taken as another's: integers as wider ones, floats as wider
 * ones. Never integers as floats: bytes of an image are not normalised numbers.
 */
export const isWidening = (from: string, to: string) => WIDER[to]?.includes(from) ?? false;

/** Little-endian values as those of a wider type. */
export function widened(bytes: Uint8Array, from: string, to: string): Uint8Array {
  const values = numbersOfBytes(from, bytes) as ArrayLike<number>;
  const made =
    to === "int64"
      ? BigInt64Array.from(values as number[], BigInt)
      : to === "int32"
        ? Int32Array.from(values)
        : to === "float"
          ? values instanceof Float32Array
            ? values
            : Float32Array.from(values)
          : Float64Array.from(values);
  return new Uint8Array(made.buffer, made.byteOffset, made.byteLength);
}
