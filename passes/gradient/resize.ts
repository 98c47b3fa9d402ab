import { type Attributes, float } from "../../src/graph/encode.ts";
import { positive, product, range } from "./broadcasting.ts";
import type { Applied, VjpTable } from "./rule.ts";

/** Operators that resample: linear in their input, one axis at a time. */
export const resamplings = {
  Resize: (at) => {
    const { op, write, opset, numbers, inputs, ints, text, shape, refuse, constant } = at;
    if (text("coordinate_transformation_mode", "half_pixel") === "tf_crop_and_resize")
      return refuse("it crops (tf_crop_and_resize)");
    const rank = shape(0).length;
    const axes = (ints("axes") ?? range(rank)).map((axis) => positive(axis, rank));
    const place = opset < 11 ? 1 : 2;
    const scales = inputs[place] ? numbers(place) : [];
    if (!scales) return refuse("its scales are computed from the data");
    const floats = (values: readonly number[]) => constant("float", [values.length], values);
    const attributes = formOf(at);
    const resized = (eye: string, axis: number, size: number, out: number) => {
      const scale = scales.length > 0 ? floats([1, 1, 1, scales[axes.indexOf(axis)] ?? 1]) : null;
      if (opset < 11) return op.Resize(eye, scale, null, null, attributes);
      const none = opset < 13 ? floats([]) : null;
      if (scale) return op.Resize(eye, none, scale, null, attributes);
      return op.Resize(eye, none, none, write.ints([size, 1, 1, out]), attributes);
    };
    return [alongAxes(at, resized)];
  },
  Upsample: (at) => {
    const { op, numbers, inputs, refuse, constant, text, opset } = at;
    const scales = inputs[1] ? numbers(1) : at.floats("scales");
    if (!scales) return refuse("its scales are computed from the data");
    const mode = text("mode", "nearest");
    const resized = (eye: string, axis: number) => {
      const four = [1, 1, 1, scales[axis]];
      return opset < 9
        ? op.Upsample(eye, null, { mode, scales: float(four) })
        : op.Upsample(eye, constant("float", [4], four), { mode });
    };
    return [alongAxes(at, resized)];
  },
} satisfies VjpTable;

/** What says how an axis is resampled, but for its size. */
function formOf({ text, int, float: number, opset }: Applied): Attributes {
  const mode = text("mode", "nearest");
  if (opset < 11) return { mode };
  return {
    mode,
    coordinate_transformation_mode: text("coordinate_transformation_mode", "half_pixel"),
    cubic_coeff_a: float(number("cubic_coeff_a", -0.75)),
    exclude_outside: int("exclude_outside", 0),
    nearest_mode: text("nearest_mode", "round_prefer_floor"),
    ...(opset < 18 ? {} : { antialias: int("antialias", 0) }),
  };
}

/**
 * Along each axis whose size changes a product with the matrix of the resampling: what the
 * operator itself makes of the identity, which onnxruntime computes once.
 */
function alongAxes(
  { op, write, g, shape, outShape, constant, dtype }: Applied,
  resized: (eye: string, axis: number, size: number, out: number) => string,
): string {
  const dims = [...outShape(0)];
  let made = g;
  for (const [axis, out] of outShape(0).entries()) {
    const size = shape(0)[axis];
    if (size === out) continue;
    const identity = range(size * size).map((k) => (k % (size + 1) === 0 ? 1 : 0));
    const eye = constant(dtype, [size, 1, 1, size], identity);
    const matrix = write.reshape(resized(eye, axis, size, out), [size, out]);
    const [before, after] = [product(dims.slice(0, axis)), product(dims.slice(axis + 1))];
    const last = after === 1;
    const folded = write.reshape(made, last ? [before, out] : [before, out, after]);
    made = last
      ? op.MatMul(folded, op.Transpose(matrix, { perm: [1, 0] }))
      : op.MatMul(matrix, folded);
    dims[axis] = size;
  }
  return write.reshape(made, dims);
}
