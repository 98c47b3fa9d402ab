import type { Builder } from "../../src/graph/builder.ts";
import { elements } from "../../src/onnx/dtypes.ts";
import type { TensorHeader } from "../../src/onnx/new-node.ts";

/** Joins tensors of these weights' shapes to a vector, and parts it again; a single one stays as it is. */
export function sideBySide({ op, to }: Builder, weights: readonly { readonly of: TensorHeader }[]) {
  const shapes = weights.map(({ of }) => of.dims);
  const isSingle = shapes.length === 1;
  const sizes = shapes.map((dims) => elements(dims));
  const shaped = (tensor: string, k: number, dims: readonly number[]) =>
    shapes[k].length === 1 ? tensor : to.reshape(tensor, dims);
  const flat = (tensor: string, k: number) => shaped(tensor, k, [sizes[k]]);
  return {
    join: (tensors: readonly string[]): string =>
      isSingle ? tensors[0] : op.Concat(tensors.map(flat), { axis: 0 }),
    part: (joined: string): readonly string[] =>
      isSingle
        ? [joined]
        : to.split(joined, sizes, 0).map((tensor, k) => shaped(tensor, k, shapes[k])),
  };
}
