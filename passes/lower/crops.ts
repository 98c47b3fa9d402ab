import { range } from "../../src/onnx/dtypes.ts";
import type { Composite, LoweringRule } from "./composite.ts";

/**
 * com.microsoft.CropAndResize: (image [N, C, H, W], boxes [R, 4] as y, x, y, x from 0 to 1, the image
 * of each box, the size of a crop) → [R, C, h, w]. Each row and column of a crop is read between two
 * of the image, or from the nearest; what lies outside is a constant.
 */
export const CropAndResize: LoweringRule = (call) => {
  const { op, to, input, numbers, float, scalar, constant, dtype, shape, fixed } = call;
  const [high, wide] = numbers(3, "crop sizes");
  const [n, c, height, width] = shape(0).map((size) => fixed(size, "a size is not fixed"));
  const rows = alongAxis(call, 0, high);
  const columns = alongAxis(call, 1, wide);
  const image = to.unsqueeze(to.cast(input(2), "int64"), [1, 2, 3]);
  const belongs = to.cast(op.Equal(image, constant("int64", [1, n, 1], range(n))), dtype(0));
  // The rows of all images, of which a box reads those of its own.
  const placed = to.reshape(op.Mul(op.Transpose(rows.weights, { perm: [0, 2, 1, 3] }), belongs), [
    -1,
    n * height,
  ]);
  const all = to.reshape(op.Transpose(input(0), { perm: [0, 2, 1, 3] }), [n * height, c * width]);
  const lines = to.reshape(op.MatMul(placed, all), [-1, high, c, width]);
  const across = op.MatMul(lines, op.Transpose(columns.weights, { perm: [0, 1, 3, 2] }));
  const crop = op.Transpose(across, { perm: [0, 2, 1, 3] });
  const inside = op.And(rows.inside, op.Transpose(columns.inside, { perm: [0, 1, 3, 2] }));
  return [to.where(inside, crop, scalar(float("extrapolation_value", 0)), dtype(0))];
};

/** The weights [R, 1, cells, size] of an axis's positions, and which cells lie inside, [R, 1, cells, 1]. */
function alongAxis(call: Composite, axis: number, cells: number) {
  const { op, to, input, shape, scalar, constant, dtype, text, fixed } = call;
  const size = fixed(shape(0)[axis + 2], "a size is not fixed");
  const side = (k: number) =>
    to.unsqueeze(to.slice(op.Mul(input(1), scalar(size - 1)), [k], [k + 1], [1]), [2, 3]);
  const [first, last] = [side(axis), side(axis + 2)];
  const parts = cells > 1 ? range(cells).map((cell) => cell / (cells - 1)) : [0.5];
  const steps = constant(dtype(0), [1, 1, cells, 1], parts);
  const place = op.Add(first, op.Mul(op.Sub(last, first), steps));
  const apart = op.Abs(op.Sub(place, scalar((size - 1) / 2)));
  const inside = op.Not(op.Greater(apart, scalar((size - 1) / 2)));
  const isNearest = text("mode", "bilinear") === "nearest";
  const read = isNearest ? op.Floor(op.Add(place, scalar(0.5))) : place;
  const distance = op.Abs(op.Sub(read, constant(dtype(0), [size], range(size))));
  return { weights: to.clip(op.Sub(scalar(1), distance), 0, null, dtype(0)), inside };
}
