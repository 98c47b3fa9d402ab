/** Options of which any may be left out, or `undefined`. */
export type Given<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** Options as they are given, and the defaults for those that are not. */
export const filled = <T extends object>(defaults: T, given: Given<T> | undefined): T => ({
  ...defaults,
  ...Object.fromEntries(Object.entries(given ?? {}).filter(([, value]) => value !== undefined)),
});
