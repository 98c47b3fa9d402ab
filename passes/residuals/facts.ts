/** What holds of something, by names that have one bit each. */
export type Facts<Bits> = Readonly<Record<keyof Bits, boolean>>;

/** Returns a function that gives facts by their bits, always the same ones. */
export function factsByBits<Bits extends Record<string, number>>(bits: Bits) {
  const known: Facts<Bits>[] = [];
  const read = (facts: number) =>
    Object.fromEntries(
      Object.entries(bits).map(([name, bit]) => [name, (facts & bit) !== 0]),
    ) as Facts<Bits>;
  return (facts: number): Facts<Bits> => (known[facts] ??= read(facts));
}
