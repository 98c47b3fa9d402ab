/** Whether sweeps are whole: in `npm run nightly`, not in `npm test`. */
export const isNightly = process.env.LAURELIZE_SWEEPS === "whole";

/** All of a sweep at night; in `npm test` one of every few, from the first on. */
export const swept = <T>(all: readonly T[], every: number): T[] =>
  all.filter((_, k) => isNightly || k % every === 0);
