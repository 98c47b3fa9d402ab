import { InputError } from "../../src/errors.ts";
import type { Types } from "../../src/graph/graph.ts";
import type { Model } from "../../src/model.ts";
import { showShape, type Type } from "../../src/onnx/dtypes.ts";
import type { Column } from "../finetune/data-set-rows.ts";

/** How an array of the data becomes part of a batch. */
export type ArrayShape = Pick<Column, "dtype" | "dims" | "axis">;

/** Returns the type of so many rows. */
export const typeOfRows = (
  { dtype, dims, axis = 0 }: ArrayShape,
  rows: number,
): Type & { readonly shape: readonly number[] } => ({
  dtype,
  shape: axis === null ? dims : dims.toSpliced(axis, 0, rows),
});

/**
 * Returns how each of the model's inputs is read if no examples are given: the first axis is that of
 * the examples, and `sizes` has those of the others. Also returns the batch size that the model fixes.
 */
export function shapesOfInputs(
  model: Model,
  types: Types,
  sizes: Readonly<Record<string, number>>,
): { readonly shapes: Readonly<Record<string, ArrayShape>>; readonly fixed: number | null } {
  let fixed: number | null = null;
  const shapes = model.graph.main.inputs.map((input) => {
    const type = types.get(input);
    if (!type?.shape)
      throw new InputError(
        `the shape of input ${input.name} of ${model.source.name} is not known; give examples with --data.`,
      );
    const { dtype, shape } = type;
    if (shape.length === 0) return [input.name, { dtype, dims: [], axis: null }] as const;
    const [batch, ...others] = shape;
    if (typeof batch === "number") fixed = batch;
    const dims = others.map((dim, k) => {
      if (typeof dim === "number") return dim;
      const name = dim || `${input.name}.${k + 1}`;
      if (Object.hasOwn(sizes, name)) return sizes[name];
      throw new InputError(
        `input ${input.name} ${showShape(shape)} has the free dimension ${name}; give its size, --dim ${name}=…, or examples with --data.`,
      );
    });
    return [input.name, { dtype, dims }] as const;
  });
  return { shapes: Object.fromEntries(shapes), fixed };
}
