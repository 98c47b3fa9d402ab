const [LEAST_EXPONENT, FRACTION, INFINITE, NOT_A_NUMBER] = [-14, 10, 0x7c00, 0x7e00];
/** Adding and subtracting this rounds a smaller positive float64 to an integer, ties to even. */
const ROUNDING = 2 ** 52;

let values: Float32Array | null = null;

/** The number for each 16-bit pattern of float16. */
function table(): Float32Array {
  if (values) return values;
  const table = new Float32Array(1 << 16);
  for (let bits = 0; bits < INFINITE; bits++) {
    const [exponent, fraction] = [bits >> FRACTION, bits & 0x3ff];
    const power = Math.max(exponent, 1) - 15 - FRACTION;
    table[bits] = (fraction + (exponent === 0 ? 0 : 1 << FRACTION)) * 2 ** power;
  }
  table.fill(Number.NaN, INFINITE, 1 << 15);
  table[INFINITE] = Infinity;
  for (let bits = 0; bits < 1 << 15; bits++) table[bits | (1 << 15)] = -table[bits];
  values = table;
  return table;
}

/** Decodes float16 patterns into an array of the same length. */
export function decodeHalf<T extends Float32Array | Float64Array>(bits: Uint16Array, to: T): T {
  const numbers = table();
  for (let k = 0; k < bits.length; k++) to[k] = numbers[bits[k]];
  return to;
}

/** Encodes numbers as float16 patterns, each rounded once, to nearest, ties to even. */
export function encodeHalf(numbers: ArrayLike<number>): Uint16Array {
  const bits = new Uint16Array(numbers.length);
  const scratch = new Float64Array(1);
  const words = new Uint32Array(scratch.buffer);
  for (let k = 0; k < bits.length; k++) {
    const number = numbers[k];
    scratch[0] = number;
    const sign = (words[1] >>> 16) & 0x8000;
    const exponent = Math.max(((words[1] >>> 20) & 0x7ff) - 1023, LEAST_EXPONENT);
    if (exponent > 15) {
      bits[k] = sign | (Number.isNaN(number) ? NOT_A_NUMBER : INFINITE);
      continue;
    }
    const steps = Math.abs(number) * SCALES[exponent - LEAST_EXPONENT];
    const rounded = steps + ROUNDING - ROUNDING;
    // If the fraction rounds up to the next power of two, it carries into the exponent.
    bits[k] = sign | (((exponent - LEAST_EXPONENT) << FRACTION) + rounded);
  }
  return bits;
}

/** Reciprocal of the spacing of float16 numbers, for each exponent from the smallest. */
const SCALES = Float64Array.from({ length: 30 }, (_, k) => 2 ** (FRACTION - LEAST_EXPONENT - k));
