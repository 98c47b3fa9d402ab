import { range } from "../../src/onnx/dtypes.ts";
import type { GradientNode, VjpTable } from "./rule.ts";

/** Means over regions of interest. */
export const regions = {
  // Each row and each column of a region is a weighted sum of the image's. The regions count as
  // constant, as in PyTorch.
  RoiAlign: (at, _, __, batch) => {
    const { op, write, g, shape, outShape, text, refuse, constant, dtype } = at;
    if (text("mode", "avg") !== "avg") return refuse("it takes the maximum of a region");
    const [n, c, height, width] = shape(0);
    const [count, , high, wide] = outShape(0);
    const rows = weightsAlong(at, 1, high, height);
    const columns = weightsAlong(at, 0, wide, width);
    const spread = op.MatMul(g, write.unsqueeze(columns, [1]));
    const lines = op.Transpose(spread, { perm: [0, 2, 1, 3] });
    const examples = constant("int64", [n, 1], range(n));
    const belongs = write.cast(op.Equal(write.cast(batch, "int64"), examples), dtype);
    const own = op.Mul(write.reshape(belongs, [n, count, 1, 1]), rows);
    const placed = op.Transpose(own, { perm: [0, 3, 1, 2] });
    const image = op.MatMul(
      write.reshape(placed, [n, height, count * high]),
      write.reshape(lines, [count * high, c * width]),
    );
    const placesApart = write.reshape(image, [n, height, c, width]);
    return [op.Transpose(placesApart, { perm: [0, 2, 1, 3] }), null];
  },
} satisfies VjpTable;

/** The first opset with Range. */
const RANGE = 11;

/**
 * Returns the weights [regions, cells, size] of the image's positions along an axis: the mean over
 * the samples of a cell, each of which reads the two positions next to it.
 */
function weightsAlong(at: GradientNode, first: number, cells: number, size: number): string {
  const { op, write, scalar, constant, dtype, text, int, opset, shape, refuse } = at;
  const isHalf =
    text("coordinate_transformation_mode", "half_pixel") === "half_pixel" && opset > 15;
  const [count] = shape(1);
  const boxes = op.Mul(at.like(1), scalar(at.float("spatial_scale", 1)));
  const side = (k: number) => write.reshape(write.slice(boxes, [k], [k + 1], [1]), [count, 1, 1]);
  const start = isHalf ? op.Sub(side(first), scalar(0.5)) : side(first);
  const length = op.Sub(side(first + 2), side(first));
  const cell = op.Div(isHalf ? length : write.atLeast(length, 1, dtype), scalar(cells));
  const ratio = int("sampling_ratio", 0);
  if (ratio === 0 && opset < RANGE) refuse("the number of its samples is computed from the data");
  const samples = ratio > 0 ? scalar(ratio) : op.Ceil(cell);
  const order = ratio > 0 ? constant(dtype, [ratio], range(ratio)) : upTo(at, samples);
  const within = op.Div(op.Add(order, scalar(0.5)), samples);
  const cellStarts = constant(dtype, [1, cells, 1], range(cells));
  const place = op.Add(start, op.Mul(cell, op.Add(cellStarts, within)));
  // Samples within a position of the image count.
  const apart = op.Abs(op.Sub(place, scalar((size - 1) / 2)));
  const isNear = op.Not(op.Greater(apart, scalar((size + 1) / 2)));
  const counted = write.cast(isNear, dtype);
  const counts = ratio > 0 ? counted : op.Mul(counted, write.cast(op.Less(order, samples), dtype));
  const inside = write.unsqueeze(write.clip(place, 0, size - 1, dtype), [3]);
  const distance = op.Abs(op.Sub(inside, constant(dtype, [size], range(size))));
  const near = write.clip(op.Sub(scalar(1), distance), 0, null, dtype);
  const weights = op.Mul(near, write.unsqueeze(counts, [3]));
  return op.Div(
    write.reduce("ReduceSum", weights, [2], false),
    ratio > 0 ? samples : write.atLeast(samples, 1, dtype),
  );
}

/** Returns 0, 1, … up to the largest of the counts. */
function upTo({ op, write, constant, dtype }: GradientNode, counts: string): string {
  const most = write.cast(write.reduce("ReduceMax", counts, [0, 1, 2], false), "int64");
  const [zero, one] = [0, 1].map((value) => constant("int64", [], [value]));
  return write.cast(op.Range(zero, most, one), dtype);
}
