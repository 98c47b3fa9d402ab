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
  const [rows, columns] = [alongAxis(call, 0, high), alongAxis(call, 1, wide)];
  const all = to.reshape(op.Transpose(input(0), { perm: [0, 2, 1, 3] }), [n * height, c * width]);
  const image = to.unsqueeze(to.cast(input(2), "int64"), [1, 2, 3]);
  const start = op.Mul(image, constant("int64", [], [height]));
  const place = to.clip(rows.read, 0, height - 1, dtype(0));
  const above = op.Floor(place);
  const lineAt = (row: string) => {
    const places = to.reshape(op.Add(start, to.cast(row, "int64")), [-1]);
    return to.reshape(op.Gather(all, places, { axis: 0 }), [-1, high, c, width]);
  };
  const next = to.clip(op.Add(above, scalar(1)), 0, height - 1, dtype(0));
  const [line, below] = [above, next].map(lineAt);
  const share = op.Transpose(op.Sub(place, above), { perm: [0, 2, 1, 3] });
  const lines = op.Add(line, op.Mul(op.Sub(below, line), share));
  const numbered = constant(dtype(0), [width], range(width));
  const near = op.Sub(scalar(1), op.Abs(op.Sub(columns.read, numbered)));
  const weights = op.Transpose(to.clip(near, 0, null, dtype(0)), { perm: [0, 1, 3, 2] });
  const crop = op.Transpose(op.MatMul(lines, weights), { perm: [0, 2, 1, 3] });
  const inside = op.And(rows.inside, op.Transpose(columns.inside, { perm: [0, 1, 3, 2] }));
  return [to.where(inside, crop, scalar(float("extrapolation_value", 0)), dtype(0))];
};

/** Where the cells of an axis are read, and which of them lie inside: both [R, 1, cells, 1]. */
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
  return { read: isNearest ? op.Floor(op.Add(place, scalar(0.5))) : place, inside };
}

/**
 * The largest number of each cell of some regions: (image [N, C, H, W], regions [R, 5] of image, x, y,
 * x, y) → [R, C, h, w]. A region's corners are rounded to positions; a cell without any is 0.
 */
export const MaxRoiPool: LoweringRule = (call) => {
  const { op, to, input, ints, shape, scalar, dtype, fixed } = call;
  const [high, wide] = ints("pooled_shape") ?? [];
  const [, , height, width] = shape(0).map((size) => fixed(size, "a size is not fixed"));
  const image = to.cast(to.slice(input(1), [0], [1], [1]), "int64");
  const own = op.Gather(input(0), to.squeeze(image, [1]), { axis: 0 });
  // What lies outside a cell is far below all numbers.
  const within = (x: string, places: string) =>
    op.Add(x, op.Mul(to.cast(op.Not(places), dtype(0)), scalar(-1e38)));
  const columns = to.unsqueeze(positionsOf(call, 0, wide, width), [1, 2]);
  const rows = to.unsqueeze(positionsOf(call, 1, high, height), [1, 4]);
  const ofColumns = within(to.unsqueeze(own, [3]), columns);
  const lines = to.unsqueeze(to.reduce("ReduceMax", ofColumns, [4], false), [2]);
  const cells = to.reduce("ReduceMax", within(lines, rows), [3], false);
  return [to.where(op.Greater(cells, scalar(-5e37)), cells, scalar(0), dtype(0))];
};

/** Whether each position of an axis lies in each cell of a region, [R, cells, size]. */
function positionsOf(call: Composite, axis: number, cells: number, size: number): string {
  const { op, to, input, float, scalar, constant, dtype } = call;
  const corner = (k: number) => {
    const side = to.unsqueeze(to.slice(input(1), [k], [k + 1], [1]), [2]);
    const place = op.Mul(side, scalar(float("spatial_scale", 1)));
    return op.Mul(to.sign(place, dtype(0)), op.Floor(op.Add(op.Abs(place), scalar(0.5))));
  };
  const [start, end] = [corner(axis + 1), corner(axis + 3)];
  const length = to.atLeast(op.Add(op.Sub(end, start), scalar(1)), 1, dtype(0));
  const cell = op.Div(length, scalar(cells));
  const nth = (first: number) =>
    op.Mul(
      cell,
      constant(
        dtype(0),
        [1, cells, 1],
        range(cells).map((k) => k + first),
      ),
    );
  const places = constant(dtype(0), [size], range(size));
  const isBefore = op.Less(places, op.Add(start, op.Floor(nth(0))));
  return op.And(op.Not(isBefore), op.Less(places, op.Add(start, op.Ceil(nth(1)))));
}
