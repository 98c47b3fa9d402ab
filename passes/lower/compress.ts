import type { LoweringRule } from "./composite.ts";

/** Selects positions along an axis, or elements, at which a constant condition is true. */
export const Compress: LoweringRule = ({ op, input, data, int, to, refuse }) => {
  const condition = data(1) ?? refuse("its condition is computed from the data");
  const chosen = Array.from(condition).flatMap((holds, place) => (holds ? [place] : []));
  const axis = int("axis", Number.NaN);
  if (!Number.isNaN(axis)) return [op.Gather(input(0), to.ints(chosen), { axis })];
  return [op.Gather(to.reshape(input(0), [-1]), to.ints(chosen), { axis: 0 })];
};
