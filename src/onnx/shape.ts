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

/** Whether two shapes can be the same: no fixed sizes differ. */
export const canBeSame = (x: readonly Dimension[], y: readonly Dimension[]): boolean =>
  x.length === y.length &&
  x.every((dim, k) => typeof dim !== "number" || typeof y[k] !== "number" || dim === y[k]);
