/** dim_value, dim_param, or "" for a dimension of which nothing is known. */
export type Dimension = number | string;

/** A shape as people write it: [N, 64, ?]. */
export const showShape = (shape: readonly Dimension[] | null | undefined) =>
  shape ? `[${shape.map((dim) => (dim === "" ? "?" : dim)).join(", ")}]` : "of unknown rank";

/** Type and shape of a tensor value; `dtype` as ONNX spells it, `shape` null for an unknown rank. */
export interface Type {
  readonly dtype: string;
  readonly shape: readonly Dimension[] | null;
}
