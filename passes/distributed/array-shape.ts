import { InputError } from "../../src/errors.ts";
import type { Types } from "../../src/graph/graph.ts";
import type { Model } from "../../src/model.ts";
import { showShape, type Type } from "../../src/onnx/dtypes.ts";
import type { Dataset } from "../finetune/data-set.ts";

/** How an array of the data becomes part of a batch. */
export interface ArrayShape {
  readonly dtype: string;
  /** Shape of a row. */
  readonly row: readonly number[];
  /** The axis of the examples; null for one value for all of them. */
  readonly axis: number | null;
}

/** Returns the type of so many rows. */
export const typeOfRows = (
  { dtype, row, axis }: ArrayShape,
  rows: number,
): Type & { readonly shape: readonly number[] } => ({
  dtype,
  shape: axis === null ? row : row.toSpliced(axis, 0, rows),
});

/** Returns how an array of examples is read. Throws an InputError if the data does not have it. */
export function shapeInData({ columns }: Dataset, name: string): ArrayShape {
  const column = columns.find((each) => each.name === name);
  if (!column) throw new InputError(`the data has no array ${name}.`);
  const { dtype, dims, axis = 0 } = column;
  return { dtype, row: dims, axis };
}

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
    if (shape.length === 0) return [input.name, { dtype, row: [], axis: null }] as const;
    const [batch, ...others] = shape;
    if (typeof batch === "number") fixed = batch;
    const row = others.map((dim, k) => {
      if (typeof dim === "number") return dim;
      const name = dim || `${input.name}.${k + 1}`;
      if (Object.hasOwn(sizes, name)) return sizes[name];
      throw new InputError(
        `input ${input.name} ${showShape(shape)} has the free dimension ${name}; give its size, --dim ${name}=…, or examples with --data.`,
      );
    });
    return [input.name, { dtype, row, axis: 0 }] as const;
  });
  return { shapes: Object.fromEntries(shapes), fixed };
}
