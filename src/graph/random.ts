/**
 * Returns a generator of uniform numbers in [0, 1) for a seed and a label, the same on every
 * machine: xoshiro128** (Blackman and Vigna) seeded by an FNV-1a hash. Each number has 53 random
 * bits.
 */
export function uniform(seed: number, label: string): () => number {
  let hash = 0x811c9dc5;
  const text = `${seed}\0${label}`;
  const bytes = text.length * 3 > scratch.length ? utf8.encode(text) : scratch;
  const length = bytes === scratch ? utf8.encodeInto(text, scratch).written : bytes.length;
  for (let k = 0; k < length; k++) hash = Math.imul(hash ^ bytes[k], 0x01000193) >>> 0;
  const mixed = (): number => {
    // splitmix32
    hash = (hash + 0x9e3779b9) >>> 0;
    let z = hash;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return z ^ (z >>> 16);
  };
  const state = Int32Array.of(mixed(), mixed(), mixed(), mixed());
  return () => ((next(state) >>> 5) * 2 ** 26 + (next(state) >>> 6)) * 2 ** -53;
}

/** Returns numbers that are uniform in ±limit, for a seed and a label. */
export function uniformWithin(limit: number, count: number, seed: number, label: string) {
  const next = uniform(seed, label);
  const values = new Float64Array(count);
  for (let k = 0; k < count; k++) values[k] = (2 * next() - 1) * limit;
  return values;
}

/** Returns a generator of normal numbers, each made of two uniform ones. */
export const normal = (next: () => number) => () =>
  Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());

/** Returns 32 random bits and moves the state of xoshiro128** on. */
function next(state: Int32Array): number {
  const bits = Math.imul(rotate(Math.imul(state[1], 5), 7), 9);
  const shifted = state[1] << 9;
  state[2] ^= state[0];
  state[3] ^= state[1];
  state[1] ^= state[2];
  state[0] ^= state[3];
  state[2] ^= shifted;
  state[3] = rotate(state[3], 11);
  return bits;
}

const utf8 = new TextEncoder();

/** A shared buffer for labels, because a buffer per label would cost more than its numbers. */
const scratch = new Uint8Array(1024);

const rotate = (x: number, by: number) => (x << by) | (x >>> (32 - by));
