/** dim_value, dim_param, or "" for an unknown dimension. */
export type Dimension = number | string;

/** Formats a shape for people: [N, 64, ?]. */
export const showShape = (shape: readonly Dimension[] | null | undefined) =>
  shape ? `[${shape.map((dim) => (dim === "" ? "?" : dim)).join(", ")}]` : "of unknown rank";

/**
 * Type and shape of a tensor value; `dtype` in ONNX's spelling, `shape` null if the rank is
 * unknown.
 */
export interface Type {
  readonly dtype: string;
  readonly shape: readonly Dimension[] | null;
}
