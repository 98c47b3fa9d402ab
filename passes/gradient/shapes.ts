import { inversePerm, placeOfAxis, range } from "../../src/onnx/dtypes.ts";
import type { GradientNode, VjpTable } from "./rule.ts";
import { slice } from "./slice.ts";

/** Operators that only move elements: their cotangents move back. */
export const shapes = {
  // Keeps the middle: as much is cropped, or padded, before as after it, or one less.
  CenterCropPad: ({ write, g, shape, outShape }) => {
    const more = shape(0).map((size, axis) => size - outShape(0)[axis]);
    const before = more.map((count) => Math.sign(count) * Math.floor(Math.abs(count) / 2));
    return [write.pad(g, [...before, ...more.map((count, axis) => count - before[axis])])];
  },
  Concat: (at, ...parts) => {
    const { write, g, shape, needs } = at;
    const axis = at.axis(1);
    let end = 0;
    return parts.map((_, k) => {
      const start = end;
      end += shape(k)[axis];
      return needs[k] ? write.slice(g, [start], [end], [axis]) : null;
    });
  },
  DepthToSpace: ({ op, write, g, int, text, shape }) => {
    const size = int("blocksize", 1);
    if (text("mode", "DCR") === "DCR") return [op.SpaceToDepth(g, { blocksize: size })];
    const [n, c, h, w] = shape(0);
    const split = write.reshape(g, [n, c / size ** 2, h, size, w, size]);
    return [write.reshape(op.Transpose(split, { perm: [0, 1, 3, 5, 2, 4] }), shape(0))];
  },
  Flatten: back,
  Pad: pad,
  Reshape: back,
  Slice: slice,
  SpaceToDepth: ({ op, g, int }) => [op.DepthToSpace(g, { blocksize: int("blocksize", 1) })],
  Split: ({ op, write, cotangents, axis, outShape, dtype }) => {
    const parts = cotangents.map((g, k) => g ?? write.zeros(outShape(k), dtype));
    return [op.Concat(parts, { axis: axis(0) })];
  },
  Squeeze: back,
  Tile: ({ write, g, shape, outShape }) => {
    const dims = shape(0);
    const copies = outShape(0).map((size, axis) => size / dims[axis]);
    const apart = dims.flatMap((size, axis) => [copies[axis], size]);
    const axes = range(dims.length).filter((axis) => copies[axis] > 1);
    const of = axes.map((axis) => 2 * axis);
    return [write.reshape(write.reduce("ReduceSum", write.reshape(g, apart), of), dims)];
  },
  Transpose: ({ op, g, ints, shape }) => {
    const perm = ints("perm") ?? range(shape(0).length).reverse();
    return [op.Transpose(g, { perm: inversePerm(perm) })];
  },
  Trilu: ({ op, g, inputs, int }) => [op.Trilu(g, inputs[1], { upper: int("upper", 1) })],
  "com.microsoft.Trilu": ({ node, g, inputs, int }) =>
    node("com.microsoft.Trilu", [g, inputs[1] ?? null], { upper: int("upper", 1) }),
  Unsqueeze: back,
} satisfies VjpTable;

function back({ write, g, shape }: GradientNode) {
  return [write.reshape(g, shape(0))];
}

/** Crops padding; adds up what was copied from inside. */
function pad(at: GradientNode) {
  const { op, write, g, list, numbers, inputs, shape, text, constant, dtype, needs, refuse } = at;
  const mode = text("mode", "constant");
  const rank = shape(0).length;
  const asked = list("pads", 1);
  const chosen = inputs[3] ? numbers(3) : range(rank);
  if (!asked || !chosen) return refuse("its pads are computed from the data");
  const pads = new Array<number>(2 * rank).fill(0);
  for (const [k, given] of chosen.entries()) {
    const axis = placeOfAxis(given, rank);
    [pads[axis], pads[axis + rank]] = [asked[k], asked[k + chosen.length]];
  }
  if (pads.every((count) => count === 0)) return [g, null, null];
  if (mode === "constant") {
    const cut = pads.map((count) => -count);
    const inside = write.pad(g, cut);
    const sum = (v: string) => write.reduce("ReduceSum", v, range(rank), false);
    const around = () => write.reshape(op.Sub(sum(g), sum(inside)), shape(2));
    return [inside, null, needs[2] ? around() : null];
  }
  // Multiplies each axis with the matrix that says where each element came from.
  let gradient = g;
  for (const axis of range(rank).filter((axis) => pads[axis] !== 0 || pads[axis + rank] !== 0)) {
    const size = shape(0)[axis];
    const [before, after] = [pads[axis], pads[axis + rank]];
    const length = size + before + after;
    // What a negative count crops is removed before the rest is copied.
    const [cut, left] = [Math.max(0, -before), size + Math.min(0, before) + Math.min(0, after)];
    const from = range(length).map((k) => cut + origin(mode, k - Math.max(0, before), left));
    const matrix = range(size * length).map((k) =>
      from[k % length] === Math.floor(k / length) ? 1 : 0,
    );
    const perm = [...range(rank).filter((other) => other !== axis), axis];
    const turned = op.Transpose(gradient, { perm });
    const weights = op.Transpose(constant(dtype, [size, length], matrix), { perm: [1, 0] });
    gradient = op.Transpose(op.MatMul(turned, weights), { perm: inversePerm(perm) });
  }
  return [gradient];
}

function origin(mode: string, place: number, size: number): number {
  if (mode === "edge") return Math.min(size - 1, Math.max(0, place));
  if (mode === "wrap") return ((place % size) + size) % size;
  const period = Math.max(1, 2 * (size - 1));
  const at = ((place % period) + period) % period;
  return at < size ? at : period - at;
}
