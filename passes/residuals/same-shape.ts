import type { Dimension } from "../../src/onnx/shape.ts";

/** Whether two shapes can be equal; an unknown size matches every size. */
export const sameShape = (a: readonly Dimension[], b: readonly Dimension[]) =>
  a.length === b.length &&
  a.every(
    (dim, k) =>
      dim === b[k] ||
      dim === "" ||
      b[k] === "" ||
      (dim !== 1 && b[k] !== 1 && !(typeof dim === "number" && typeof b[k] === "number")),
  );
