import fs from "node:fs";
import { mnistDigits } from "../../bin/page/mnist.ts";
import { STRIP, strips } from "../../bin/page/strips.ts";
import { npzOf } from "./npz-file.ts";

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
    const arrays = {
      x: [x, [many, STRIP.channels, STRIP.height, STRIP.width]],
      labels: [labels, [many]],
    } as const;
    fs.writeFileSync(file, npzOf(arrays, 1));
  }
}
