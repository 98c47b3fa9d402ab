import type { VjpTable } from "./rule.ts";

/** Operators through which a cotangent goes as it is. */
export const throughs = {
  Cast: ({ g }) => [g],
  CastLike: ({ g }) => [g],
  // Straight through: an integer stands for the number it was rounded from.
  DequantizeLinear: ({ g, needs, refuse }) =>
    needs[1] ? refuse("its scale is not learned; leave it out") : [g],
  Dropout: ({ g, numbers, inputs, refuse }) => {
    if (inputs[2] && !numbers(2)?.every((training) => training === 0))
      return refuse("it is in training mode; export the model for eval");
    return [g];
  },
  QuantizeLinear: ({ g, needs, refuse }) =>
    needs[1] ? refuse("its scale is not learned; leave it out") : [g],
} satisfies VjpTable;
