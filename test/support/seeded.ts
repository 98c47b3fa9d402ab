import { uniform } from "../../src/graph/random.ts";
import type { Draw } from "./wire-roughen.ts";

/** Draws of a seed, the same on every machine. */
export interface SeededDraw extends Draw {
  /** One of them. */
  one<T>(from: readonly T[]): T;
}

/** Draws that follow from a seed and a label alone. */
export function seeded(seed: number, label: string): SeededDraw {
  const next = uniform(seed, label);
  const upTo = (most: number) => Math.floor(next() * (most + 1));
  return {
    upTo,
    oneIn: (n) => upTo(n - 1) === 0,
    bytes: (most) => Uint8Array.from({ length: upTo(most) }, () => upTo(255)),
    one: (from) => from[upTo(from.length - 1)],
  };
}
