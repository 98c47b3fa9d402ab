import { sinceOf } from "../../src/graph/operators.ts";
import { range } from "../../src/onnx/dtypes.ts";
import type { GradientNode, VjpTable } from "./rule.ts";

/** Means and maxima over regions of interest. */
export const regions = {
  // Each row and each column of a region is a weighted sum of the image's. The regions count as
  // constant, as in PyTorch.
  RoiAlign: (at, x, _, batch) => {
    const { op, write, g, shape, outShape, text, constant, dtype } = at;
    if (text("mode", "avg") !== "avg") return [ofLargest(at, x, batch), null];
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
    const byRow = write.reshape(placed, [n, height, count * high]);
    const image = op.MatMul(byRow, write.reshape(lines, [count * high, c * width]));
    const placesApart = write.reshape(image, [n, height, c, width]);
    return [op.Transpose(placesApart, { perm: [0, 2, 1, 3] }), null];
  },
} satisfies VjpTable;

/**
 * The cotangent of an image from that of its largest terms. onnxruntime compares the four terms of
 * each sample, positions' numbers times their weights, and not the samples' sums.
 */
function ofLargest(at: GradientNode, x: string, batch: string): string {
  const { op, write, g, shape, outShape, constant, dtype } = at;
  const [n, c, height, width] = shape(0);
  const [count, , high, wide] = outShape(0);
  const rows = termsAlong(at, 1, high, height);
  const columns = termsAlong(at, 0, wide, width);
  const turned = (v: string) => op.Transpose(v, { perm: [0, 1, 3, 2] });
  const images = write.cast(batch, "int64");
  const own = op.Gather(x, images, { axis: 0 });
  const terms = 2 * at.int("sampling_ratio", 0);
  const cells = [count, c, high, terms, wide, terms];
  const all = write.reshape(op.MatMul(op.MatMul(rows, own), turned(columns)), cells);
  const isLargest = write.cast(op.Not(op.Less(all, write.reduce("ReduceMax", all, [3, 5]))), dtype);
  const share = op.Div(isLargest, write.reduce("ReduceSum", isLargest, [3, 5]));
  const given = op.Mul(share, write.unsqueeze(g, [3, 5]));
  const flat = write.reshape(given, [count, c, high * terms, wide * terms]);
  const toOwn = op.MatMul(op.MatMul(turned(rows), flat), columns);
  const belongs = op.Equal(constant("int64", [n, 1], range(n)), images);
  const placed = write.reshape(toOwn, [count, c * height * width]);
  return write.reshape(op.MatMul(write.cast(belongs, dtype), placed), shape(0));
}

/** The samples of the cells of all regions along an axis. */
interface Samples {
  /** Where they are in the image, [regions, cells, samples]. */
  readonly inside: string;
  /** 1 for those that count, 0 for others. */
  readonly counts: string;
  /** Number of a cell's samples. */
  readonly count: string;
  /** Whether that is computed from the data. */
  readonly isComputed: boolean;
}

/** Writes where the samples of an axis lie: `first` is the region's first side, x or y. */
function samplesAlong(at: GradientNode, first: number, cells: number, size: number): Samples {
  const { op, write, scalar, constant, dtype, text, int, opset, shape, refuse } = at;
  const isHalf =
    text("coordinate_transformation_mode", "half_pixel") === "half_pixel" && opset > 15;
  const [regions] = shape(1);
  const boxes = op.Mul(at.like(1), scalar(at.float("spatial_scale", 1)));
  const side = (k: number) => write.reshape(write.slice(boxes, [k], [k + 1], [1]), [regions, 1, 1]);
  const start = isHalf ? op.Sub(side(first), scalar(0.5)) : side(first);
  const length = op.Sub(side(first + 2), side(first));
  const cell = op.Div(isHalf ? length : write.atLeast(length, 1, dtype), scalar(cells));
  const ratio = int("sampling_ratio", 0);
  if (ratio === 0 && (opset < sinceOf("Range") || text("mode", "avg") !== "avg"))
    refuse("the number of its samples is computed from the data");
  const samples = ratio > 0 ? scalar(ratio) : op.Ceil(cell);
  const order = ratio > 0 ? constant(dtype, [ratio], range(ratio)) : upTo(at, samples);
  const within = op.Div(op.Add(order, scalar(0.5)), samples);
  const cellStarts = constant(dtype, [1, cells, 1], range(cells));
  const place = op.Add(start, op.Mul(cell, op.Add(cellStarts, within)));
  // Samples within a position of the image count.
  const apart = op.Abs(op.Sub(place, scalar((size - 1) / 2)));
  const counted = write.cast(op.Not(op.Greater(apart, scalar((size + 1) / 2))), dtype);
  const counts = ratio > 0 ? counted : op.Mul(counted, write.cast(op.Less(order, samples), dtype));
  const inside = write.clip(place, 0, size - 1, dtype);
  return { inside, counts, count: samples, isComputed: ratio === 0 };
}

/** Which of an axis's positions each place is, or how near: 1 at it, 0 from the next ones on. */
function nearness({ op, write, scalar, constant, dtype }: GradientNode, at: string, size: number) {
  const distance = op.Abs(op.Sub(at, constant(dtype, [size], range(size))));
  return write.clip(op.Sub(scalar(1), distance), 0, null, dtype);
}

/**
 * Returns the weights [regions, cells, size] of the image's positions along an axis: the mean over
 * the samples of a cell, each of which reads the two positions next to it.
 */
function weightsAlong(at: GradientNode, first: number, cells: number, size: number): string {
  const { op, write, dtype } = at;
  const { inside, counts, count, isComputed } = samplesAlong(at, first, cells, size);
  const near = nearness(at, write.unsqueeze(inside, [3]), size);
  const weights = op.Mul(near, write.unsqueeze(counts, [3]));
  return op.Div(
    write.reduce("ReduceSum", weights, [2], false),
    isComputed ? write.atLeast(count, 1, dtype) : count,
  );
}

/** Returns the weights [regions, 1, terms, size] of the two positions next to each sample of an axis. */
function termsAlong(at: GradientNode, first: number, cells: number, size: number): string {
  const { op, write, scalar, dtype } = at;
  const { inside, counts } = samplesAlong(at, first, cells, size);
  const low = op.Floor(inside);
  const high = write.clip(op.Add(low, scalar(1)), null, size - 1, dtype);
  const part = op.Sub(inside, low);
  const terms = [
    [low, op.Sub(scalar(1), part)],
    [high, part],
  ].map(([place, weight]) => {
    const is = nearness(at, write.unsqueeze(place, [3, 4]), size);
    return op.Mul(is, write.unsqueeze(op.Mul(weight, counts), [3, 4]));
  });
  return write.reshape(op.Concat(terms, { axis: 3 }), [at.shape(1)[0], 1, -1, size]);
}

/** Returns 0, 1, … up to the largest of the counts. */
function upTo({ op, write, constant, dtype }: GradientNode, counts: string): string {
  const most = write.cast(write.reduce("ReduceMax", counts, [0, 1, 2], false), "int64");
  const [zero, one] = [0, 1].map((value) => constant("int64", [], [value]));
  return write.cast(op.Range(zero, most, one), dtype);
}
