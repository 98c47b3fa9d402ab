import { inert, type VjpTable } from "./rule.ts";

/** Operators that pass a cotangent on unchanged, and those that read only a shape. */
export const throughs = {
  Bernoulli: inert,
  Cast: ({ g }) => [g],
  CastLike: ({ g }) => [g],
  Dropout: ({ g, numbers, inputs, refuse }) => {
    if (inputs[2] && !numbers(2)?.every((training) => training === 0))
      return refuse("it is in training mode; export the model for eval");
    return [g];
  },
  EyeLike: inert,
  RandomNormalLike: inert,
  RandomUniformLike: inert,
} satisfies VjpTable;
