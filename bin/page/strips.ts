import { uniform } from "../../passes/internal.ts";

const SIDE = 28;
/** What PP-OCR's direction classifier takes. */
export const STRIP = { height: 48, width: 192, channels: 3 } as const;
const { height: HEIGHT, width: WIDTH, channels: CHANNELS } = STRIP;
/** Side of a digit on a strip, from one to the next, and how far it may stand from the middle. */
const [SIZE, PITCH, RISE, SHIFT] = [33, 28, 4, 8];

/** Digits of 28 × 28 numbers, 0 for the paper and 1 for ink. */
export type Digits = readonly Float32Array[];

/** Strips as the classifier takes them: x is [count, 3, 48, 192], labels 0 upright, 1 upside down. */
export interface Strips {
  readonly x: Float32Array;
  readonly labels: BigInt64Array;
  readonly count: number;
}

/** Strips of 4 to 6 digits side by side, dark on light, every second one upside down. Seeded. */
export function strips(digits: Digits, count: number, seed: number): Strips {
  const random = uniform(seed, "strips");
  return stripsOf(count, () => strip(digits, random));
}

/** Strips of inks of 48 × 192 numbers, dark on light, every second one upside down. */
export function stripsOf(count: number, inkOf: (k: number) => Float32Array): Strips {
  const pixels = HEIGHT * WIDTH;
  const x = new Float32Array(count * CHANNELS * pixels);
  const labels = new BigInt64Array(count);
  for (let k = 0; k < count; k++) {
    const ink = inkOf(k);
    if (k % 2 === 1) {
      ink.reverse();
      labels[k] = 1n;
    }
    const gray = ink.map((value) => (Math.round(255 * (1 - value)) / 255 - 0.5) / 0.5);
    for (let channel = 0; channel < CHANNELS; channel++)
      x.set(gray, (k * CHANNELS + channel) * pixels);
  }
  return { x, labels, count };
}

/** Returns a copy of an ink, shifted by a few pixels at random. */
export function shifted(ink: Float32Array, random: () => number): Float32Array {
  const about = (range: number) => Math.round((2 * random() - 1) * range);
  const [right, down] = [about(SHIFT), about(RISE)];
  const result = new Float32Array(ink.length);
  for (let y = Math.max(0, down); y < HEIGHT + Math.min(0, down); y++)
    for (let x = Math.max(0, right); x < WIDTH + Math.min(0, right); x++)
      result[y * WIDTH + x] = ink[(y - down) * WIDTH + x - right];
  return result;
}

function strip(digits: Digits, random: () => number): Float32Array {
  const ink = new Float32Array(HEIGHT * WIDTH);
  const about = (range: number) => (2 * random() - 1) * range;
  const count = 4 + Math.floor(3 * random());
  let left = (WIDTH - (count - 1) * PITCH - SIZE) / 2 + about(SHIFT);
  for (let k = 0; k < count; k++, left += PITCH) {
    const digit = digits[Math.floor(random() * digits.length)];
    const top = (HEIGHT - SIZE) / 2 + about(RISE);
    for (let y = Math.floor(top); y < top + SIZE; y++)
      for (let x = Math.floor(left); x < left + SIZE; x++) {
        const value = between(
          digit,
          ((y + 0.5 - top) * SIDE) / SIZE,
          ((x + 0.5 - left) * SIDE) / SIZE,
        );
        const at = y * WIDTH + x;
        if (x >= 0 && x < WIDTH) ink[at] = Math.max(ink[at], value);
      }
  }
  return ink;
}

/** A digit between its pixels, by bilinear interpolation; outside it is paper. */
function between(digit: Float32Array, y: number, x: number): number {
  const [top, left] = [Math.floor(y - 0.5), Math.floor(x - 0.5)];
  const [down, right] = [y - 0.5 - top, x - 0.5 - left];
  const at = (row: number, column: number) =>
    row < 0 || row >= SIDE || column < 0 || column >= SIDE ? 0 : digit[row * SIDE + column];
  const across = (row: number) => at(row, left) * (1 - right) + at(row, left + 1) * right;
  return across(top) * (1 - down) + across(top + 1) * down;
}
