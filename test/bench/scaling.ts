/** What efficiency is computed for. */
export const [RANKS, LINKS] = [
  [8, 64, 512],
  [10, 100],
] as const;

/** Seconds of one hop between two machines, as Ethernet with TCP takes. */
export const LATENCY = 50e-6;

/** A step of one rank, and the machines that take it together. */
export interface Scaled {
  readonly seconds: number;
  /** Bytes of the vector. */
  readonly bytes: number;
  readonly ranks: number;
  /** Gigabits a second of each machine's link. */
  readonly gigabits: number;
}

/**
 * The share of the time in which ranks compute, if each has as many rows as alone: T / (T + C). An
 * all-reduce around a ring sends 2 (n − 1) / n of the vector over each link; one in a tree takes
 * 2 log₂ n hops. C is the sum of both, and nothing overlaps.
 */
export function efficiency({ seconds, bytes, ranks, gigabits }: Scaled): number {
  const sent = ((2 * (ranks - 1)) / ranks) * bytes;
  const hops = 2 * Math.ceil(Math.log2(ranks));
  return seconds / (seconds + (8 * sent) / (gigabits * 1e9) + hops * LATENCY);
}
