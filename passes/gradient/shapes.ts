import { placeOfAxis, range } from "../../src/onnx/dtypes.ts";
import type { GradientNode, VjpTable } from "./rule.ts";

/** Operators that only move elements: their cotangents move back. */
export const shapes = {
  // Keeps the middle: as much is cropped, or padded, before as after it, or one less.
  CenterCropPad: ({ write, g, shape, outShape }) => {
    const more = shape(0).map((size, axis) => size - outShape(0)[axis]);
    const before = more.map((count) => Math.sign(count) * Math.floor(Math.abs(count) / 2));
    return [write.pad(g, [...before, ...more.map((count, axis) => count - before[axis])])];
  },
  Concat: (at, ...parts) => {
    const { write, g, int, shape, needs } = at;
    const axis = placeOfAxis(int("axis", 1), shape(0).length);
    let start = 0;
    return parts.map((_, k) => {
      const from = start;
      start += shape(k)[axis];
      return needs[k] ? write.slice(g, [from], [start], [axis]) : null;
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
  Slice: (at) => [taken(at)],
  SpaceToDepth: ({ op, g, int }) => [op.DepthToSpace(g, { blocksize: int("blocksize", 1) })],
  Split: ({ op, write, cotangents, int, shape, outShape, dtype }) => {
    const axis = placeOfAxis(int("axis", 0), shape(0).length);
    const parts = cotangents.map((g, k) => g ?? write.zeros(outShape(k), dtype));
    return [op.Concat(parts, { axis })];
  },
  Squeeze: back,
  Tile: ({ write, g, shape, outShape }) => {
    const dims = shape(0);
    const copies = dims.map((size, axis) => outShape(0)[axis] / size);
    const apart = write.reshape(
      g,
      dims.flatMap((size, axis) => [copies[axis], size]),
    );
    const axes = range(dims.length).filter((axis) => copies[axis] > 1);
    const sum = write.reduce(
      "ReduceSum",
      apart,
      axes.map((axis) => 2 * axis),
    );
    return [write.reshape(sum, dims)];
  },
  Transpose: ({ op, g, ints, shape }) => {
    const perm = ints("perm") ?? range(shape(0).length).reverse();
    return [op.Transpose(g, { perm: perm.map((_, axis) => perm.indexOf(axis)) })];
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
  const { op, write, g, ints, numbers, inputs, shape, text, constant, dtype, needs, refuse } = at;
  const mode = text("mode", "constant");
  const rank = shape(0).length;
  const asked = inputs[1] ? numbers(1) : ints("pads");
  const chosen = inputs[3] ? numbers(3) : range(rank);
  if (!asked || !chosen) return refuse("its pads are computed from the data");
  const pads = new Array<number>(2 * rank).fill(0);
  for (const [k, axis] of chosen.entries()) {
    pads[placeOfAxis(axis, rank)] = asked[k];
    pads[placeOfAxis(axis, rank) + rank] = asked[k + chosen.length];
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
    const rest = range(rank).filter((other) => other !== axis);
    const perm = [...rest, axis];
    const turned = op.Transpose(gradient, { perm });
    const weights = op.Transpose(constant(dtype, [size, length], matrix), { perm: [1, 0] });
    const back = range(rank).map((other) => perm.indexOf(other));
    gradient = op.Transpose(op.MatMul(turned, weights), { perm: back });
  }
  return [gradient];
}

/** Returns the element that an outside position copies. */
function origin(mode: string, place: number, size: number): number {
  if (mode === "edge") return Math.min(size - 1, Math.max(0, place));
  if (mode === "wrap") return ((place % size) + size) % size;
  const period = Math.max(1, 2 * (size - 1));
  const at = ((place % period) + period) % period;
  return at < size ? at : period - at;
}

/**
 * Writes the cotangent of a Slice into its position, with zeros around it. A step also puts zeros
 * between; a negative step is reversed first.
 */
function taken(at: GradientNode): string {
  const { op, write, g, shape, outShape, inputs, ints, numbers, refuse, dtype } = at;
  const dims = shape(0);
  const rank = dims.length;
  const given = (name: string, k: number) => (inputs[k] ? numbers(k) : ints(name));
  const starts = given("starts", 1);
  const axes = given("axes", 3) ?? range(starts?.length ?? 0);
  const steps = inputs[4] ? numbers(4) : axes.map(() => 1);
  if (!starts || !steps || (inputs[3] && !numbers(3)))
    return refuse("its positions are computed from the data");
  const sizes = [...outShape(0)];
  if (sizes.includes(0)) return write.zeros(dims, dtype);
  const [before, after] = [new Array<number>(rank).fill(0), new Array<number>(rank).fill(0)];
  let gradient = g;
  for (const [k, given] of axes.entries()) {
    const axis = placeOfAxis(given, rank);
    const [size, count] = [dims[axis], sizes[axis]];
    const step = steps[k];
    const limit = step < 0 ? size - 1 : size;
    const start = Math.min(limit, Math.max(0, placeOfAxis(starts[k], size)));
    const first = step < 0 ? start + (count - 1) * step : start;
    if (step < 0) gradient = op.Gather(gradient, write.ints(range(count).reverse()), { axis });
    const apart = Math.abs(step);
    if (apart > 1) {
      const wide = [...sizes.slice(0, axis + 1), 1, ...sizes.slice(axis + 1)];
      const pads = new Array<number>(2 * wide.length).fill(0);
      pads[wide.length + axis + 1] = apart - 1;
      gradient = write.pad(write.reshape(gradient, wide), pads);
      sizes[axis] *= apart;
      gradient = write.reshape(gradient, sizes);
    }
    before[axis] = first;
    after[axis] = size - first - sizes[axis];
  }
  const pads = [...before, ...after];
  return pads.every((count) => count === 0) ? gradient : write.pad(gradient, pads);
}
