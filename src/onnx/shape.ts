/** dim_value, dim_param, or "" for a dimension of which nothing is known. */
export type Dimension = number | string;

/** A shape as people write it: [N, 64, ?]. */
export const showShape = (shape: readonly Dimension[] | null | undefined) =>
  shape ? `[${shape.map((dim) => (dim === "" ? "?" : dim)).join(", ")}]` : "of unknown rank";
