import { positive, product, range } from "./broadcasting.ts";
import { type GradientNode, inert, type VjpTable } from "./rule.ts";

/** Operators that pass a cotangent on unchanged, and those that read only a shape. */
export const throughs = {
  Bernoulli: inert,
  Cast: ({ g }) => [g],
  CastLike: ({ g }) => [g],
  // Straight-through: an integer represents the number it was rounded from.
  DequantizeLinear: ({ g, needs, refuse }) =>
    needs[1] ? refuse("gradients of its scale are not supported; leave it out") : [g],
  Dropout: ({ g, numbers, inputs, refuse }) => {
    if (inputs[2] && !numbers(2)?.every((training) => training === 0))
      return refuse("it is in training mode; export the model for eval");
    return [g];
  },
  EyeLike: inert,
  QuantizeLinear: quantize,
  RandomNormalLike: inert,
  RandomUniformLike: inert,
} satisfies VjpTable;

/** The smallest and the largest integer of each type. */
const ENDS: Readonly<Record<string, readonly [number, number]>> = {
  int4: [-8, 7],
  uint4: [0, 15],
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
};

/**
 * Passes rounding straight through, except if the integer is at an end of its range and x beyond
 * it: converters use that for a Relu.
 */
function quantize(at: GradientNode, x: string, scale: string) {
  const { op, write, g, scalar, dtype, inputs, shape, needs, refuse } = at;
  if (needs[1]) return refuse("gradients of its scale are not supported; leave it out");
  const ends = ENDS[at.outputType(0)];
  const dims = shape(1);
  const blocked = at.int("block_size", 0) > 0;
  if (!ends || blocked) return [g];
  const rank = shape(0).length;
  const axis = positive(at.int("axis", 1), rank);
  const wide = [dims[0], ...range(rank - 1 - axis).map(() => 1)];
  const per = (v: string) => (product(dims) === 1 ? v : write.reshape(v, wide));
  const zero = inputs[2] ? write.cast(inputs[2], dtype) : null;
  const steps = op.Div(x, per(scale));
  const place = zero ? op.Add(steps, per(zero)) : steps;
  const middle = (ends[0] + ends[1]) / 2;
  const inside = op.Less(op.Abs(op.Sub(place, scalar(middle))), scalar(ends[1] - middle + 0.5));
  return [write.masked(inside, g, dtype)];
}
