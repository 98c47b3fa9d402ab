import { bytesSource, openNpz, uniform } from "../../passes/internal.ts";
import type { Tensors } from "../../src/index.ts";
import type { Examples } from "./messages.ts";
import { pageRuntime as ort } from "./runtime.ts";
import { type Digits, STRIP, type Strips, shifted, strips, stripsOf } from "./strips.ts";

const [PER_STEP, STEPS] = [16, 12];
/** Held-out strips come in batches of this many. */
const [HELD, PER_EVALUATION] = [64, 16];

/**
 * Returns strips of the bundled digits, or of the user's. `train` and `held` are batches that share
 * no digit, `steps` counts those of an epoch, and the page shows the answers to `shown`.
 */
export async function stripExamples(examples: Exclude<Examples, { from: "npz" }>) {
  const { train, heldOut } = await bundledDigits();
  const made =
    examples.from === "digits"
      ? (seed: number) => strips(train, PER_STEP, seed)
      : (seed: number) => drawn(examples.inks, seed);
  return {
    *train(epoch: number): Generator<Tensors> {
      for (let step = 0; step < STEPS; step++) yield batchOf(made(1000 * epoch + step));
    },
    held: Array.from({ length: HELD / PER_EVALUATION }, (_, k) =>
      batchOf(strips(heldOut, PER_EVALUATION, k)),
    ),
    steps: STEPS,
    shown: examples.from === "digits" ? strips(heldOut, 8, 7) : bothWays(examples.inks),
  };
}

/** Each drawing several times, shifted a little, upright and upside down. */
function drawn(inks: readonly Float32Array[], seed: number): Strips {
  const random = uniform(seed, "drawn");
  return stripsOf(PER_STEP, () => shifted(inks[Math.floor(random() * inks.length)], random));
}

/** Each drawing upright and upside down. */
const bothWays = (inks: readonly Float32Array[]): Strips =>
  stripsOf(2 * inks.length, (k) => inks[k >> 1].slice());

/** Strips as the model takes them. */
export const batchOf = ({ x, labels, count }: Strips): Tensors => ({
  x: new ort.Tensor("float32", x, [count, STRIP.channels, STRIP.height, STRIP.width]),
  labels: new ort.Tensor("int64", labels, [count]),
});

/** Returns the first channel of a strip, 0 for paper and 1 for ink. */
export function inkOf({ x }: Strips, k: number): Float32Array {
  const pixels = STRIP.height * STRIP.width;
  const start = k * STRIP.channels * pixels;
  return x.slice(start, start + pixels).map((gray) => (1 - gray) / 2);
}

let digits: Promise<{ readonly train: Digits; readonly heldOut: Digits }> | null = null;

function bundledDigits() {
  digits ??= readDigits().catch((error) => {
    digits = null;
    throw error;
  });
  return digits;
}

async function readDigits() {
  const response = await fetch(new URL(/* @vite-ignore */ "../digits.npz", import.meta.url));
  const npz = openNpz(bytesSource(new Uint8Array(await response.arrayBuffer()), "digits.npz"));
  const read = (name: string): Digits => {
    const { dims, load } = npz.array(name);
    const [values, size] = [load(), dims[1] * dims[2]];
    return Array.from({ length: dims[0] }, (_, k) =>
      Float32Array.from(values.subarray(k * size, (k + 1) * size), (value) => value / 255),
    );
  };
  return { train: read("train"), heldOut: read("heldOut") };
}
