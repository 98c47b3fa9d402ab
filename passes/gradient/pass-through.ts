import { rows } from "../../src/graph/own.ts";
import { inert, type VjpTable } from "./rule.ts";

/** Operators that pass a cotangent on unchanged, and those that read only a shape. */
export const throughs = {
  ...rows(inert, "Bernoulli EyeLike RandomNormalLike RandomUniformLike"),
  Cast: ({ g }) => [g],
  // The second input gives its type alone.
  CastLike: ({ g }) => [g, null],
  Dropout: ({ op, write, g, dtype, numbers, inputs, outputs, scalar, refuse }) => {
    if (!inputs[2] || numbers(2)?.[0] === 0) return [g];
    const ratio = inputs[1] ? numbers(1)?.[0] : 0.5;
    if (ratio === 0) return [g];
    const mask = numbers(2) && outputs[1];
    if (ratio === undefined || !mask)
      return refuse("it is in training mode without a mask; export the model for eval");
    return [op.Mul(g, op.Mul(write.cast(mask, dtype, "bool"), scalar(1 / (1 - ratio))))];
  },
} satisfies VjpTable;
