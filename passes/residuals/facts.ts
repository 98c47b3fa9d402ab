/** Facts by name, each of which has one bit. */
export type Facts<Bits> = Readonly<Record<keyof Bits, boolean>>;

/** Returns a function that reads facts from their bits; the same bits give the same object. */
export function factsByBits<Bits extends Record<string, number>>(bits: Bits) {
  const known: Facts<Bits>[] = [];
  const read = (facts: number) =>
    Object.fromEntries(
      Object.entries(bits).map(([name, bit]) => [name, (facts & bit) !== 0]),
    ) as Facts<Bits>;
  return (facts: number): Facts<Bits> => (known[facts] ??= read(facts));
}
