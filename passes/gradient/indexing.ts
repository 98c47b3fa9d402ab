import { sinceOf } from "../../src/graph/operators.ts";
import { elements, isHalf, placeOfAxis, range } from "../../src/onnx/dtypes.ts";
import type { ShapedName } from "./broadcasting.ts";
import type { GradientNode, VjpTable } from "./rule.ts";
import { scattered } from "./scatter.ts";

/** Operators that read or write elements by indices. */
export const places = {
  Gather: (at, _, given) => {
    const { g, shape, numbers, write } = at;
    const axis = at.axis(0);
    const known = numbers(1);
    if (known?.length === 1) {
      // One position, with zeros around it.
      const around = (count: number) => shape(0).map((_, k) => (k === axis ? count : 0));
      const [size, place] = [shape(0)[axis], placeOfAxis(known[0], shape(0)[axis])];
      const row = write.reshape(g, shape(0).with(axis, 1));
      return [write.pad(row, [...around(place), ...around(size - place - 1)])];
    }
    const indices = wide(at, given);
    return [rowsBack(at, g, { name: indices, shape: shape(1) }, { dims: shape(0), axis })];
  },
  GatherElements: (at, _, given) => {
    const indices = wide(at, given);
    const { write, g, shape } = at;
    const axis = at.axis(0);
    const add = (what: string, dtype: string) =>
      write.scatterAdd(write.zeros(shape(0), dtype), indices, what, axis);
    if (write.scattersAdd) return [inSinglePrecision(at, g, add)];
    const sum = summedAt(at, indices, shape(0).length, axis);
    const rest = shape(0).map((size, k) => (k === axis ? 0 : size - shape(1)[k]));
    const pads = [...rest.map(() => 0), ...rest];
    return [rest.every((size) => size === 0) ? sum : write.pad(sum, pads)];
  },
  GatherND: (at, _, given) => {
    const indices = wide(at, given);
    const { write, g, shape, int } = at;
    const batch = int("batch_dims", 0);
    const dims = shape(0);
    const of = shape(1);
    const depth = of.at(-1)! + batch;
    if (write.scattersAdd && batch === 0) return [added(at, dims, indices, g)];
    const flat = linear(at, { name: indices, shape: of }, dims, batch);
    const count = elements(of.slice(0, -1));
    const rest = dims.slice(depth);
    const rows = { dims: [elements(dims.slice(0, depth)), ...rest], axis: 0 };
    const cotangent = write.reshape(g, [count, ...rest]);
    return [write.reshape(rowsBack(at, cotangent, { name: flat, shape: [count] }, rows), dims)];
  },
  // Undoes the reversal.
  ReverseSequence: ({ op, g, inputs, int }) => [
    op.ReverseSequence(g, inputs[1]!, {
      batch_axis: int("batch_axis", 1),
      time_axis: int("time_axis", 0),
    }),
  ],
  Scatter: scatterElements,
  ScatterElements: scatterElements,
  ScatterND: (at, x, indices, updates) =>
    scattered(at, x, updates, {
      read: (v) => at.op.GatherND(v, indices),
      write: (to, v, reduction) => at.op.ScatterND(to, indices, v, { reduction }),
      put: (to, v) => at.op.ScatterND(to, indices, v),
    }),
  // Its indices are distinct, so scattering does not need to add.
  TopK: (at) => {
    const { write, g, outputs, shape, dtype, refuse, opset } = at;
    const axis = at.axis(-1);
    const where = outputs[1] ?? refuse("its indices are not an output of it");
    if (opset < sinceOf("OneHot")) return [summedAt(at, where, shape(0).length, axis)];
    return [write.scatter(write.zeros(shape(0), dtype), where, g, axis)];
  },
} satisfies VjpTable;

const wide = ({ write, inputType }: GradientNode, indices: string) =>
  write.cast(indices, "int64", inputType(1));

function scatterElements(at: GradientNode, x: string, indices: string, updates: string) {
  const { op, write } = at;
  const axis = at.axis(0);
  return scattered(at, x, updates, {
    read: (v) => picked(at, v, indices, axis),
    write: (to, v, reduction) => op.ScatterElements(to, indices, v, { axis, reduction }),
    put: (to, v) => write.scatter(to, indices, v, axis),
  });
}

/** Gathers the elements of a cotangent that indices select along an axis. */
function picked(at: GradientNode, g: string, indices: string, axis: number): string {
  const { op, write, opset, shape, dtype } = at;
  if (opset >= sinceOf("GatherElements")) return op.GatherElements(g, indices, { axis });
  const dims = shape(0);
  const others = range(dims.length).filter((k) => k !== axis && shape(1)[k] < dims[k]);
  const [starts, ends] = [others.map(() => 0), others.map((k) => shape(1)[k])];
  const near = others.length > 0 ? write.slice(g, starts, ends, others) : g;
  const classes = { rank: dims.length, classes: dims[axis], axis };
  const hot = write.oneHot(wide(at, indices), classes, dtype);
  const chosen = op.Mul(hot, write.unsqueeze(near, [axis + 1]));
  return write.reduce("ReduceSum", chosen, [axis], false);
}

/**
 * Adds up the rows of a cotangent at the positions that `indices` read, along one axis of sizes
 * `dims`.
 */
function rowsBack(
  at: GradientNode,
  g: string,
  indices: ShapedName,
  { dims, axis }: { readonly dims: readonly number[]; readonly axis: number },
): string {
  const { op, write, dtype } = at;
  const count = elements(indices.shape);
  const [before, after] = [dims.slice(0, axis), dims.slice(axis + 1)];
  const [outer, size, inner] = [elements(before), dims[axis], elements(after)];
  const flat = write.reshape(indices.name, [count]);
  const rows = write.reshape(g, [outer, count, inner]);
  if (write.scattersAdd) {
    const where = write.reshape(flat, [count, 1]);
    if (outer === 1) {
      const what = write.reshape(rows, [count, inner]);
      return write.reshape(added(at, [size, inner], where, what), dims);
    }
    const swapped = (value: string) => op.Transpose(value, { perm: [1, 0, 2] });
    return write.reshape(swapped(added(at, [size, outer, inner], where, swapped(rows))), dims);
  }
  const hot = write.oneHot(flat, { rank: 1, classes: size, axis: 0 }, dtype);
  return write.reshape(op.MatMul(hot, rows), dims);
}

/** Adds rows of a cotangent to zeros of these sizes at the positions that indices select. */
const added = (at: GradientNode, dims: readonly number[], indices: string, g: string) =>
  inSinglePrecision(at, g, (what, dtype) =>
    at.op.ScatterND(at.write.zeros(dims, dtype), indices, what, { reduction: "add" }),
  );

/**
 * Returns the operator that adds while it scatters, which onnxruntime does not do in half
 * precision.
 */
function inSinglePrecision(
  { write, dtype }: GradientNode,
  g: string,
  make: (g: string, dtype: string) => string,
): string {
  if (!isHalf(dtype)) return make(g, dtype);
  return write.cast(make(write.cast(g, "float"), "float"), dtype);
}

/** Adds up what a cotangent has at the indices along an axis, which keep the other axes apart. */
function summedAt(at: GradientNode, name: string, rank: number, axis: number): string {
  const { op, write, g, shape, dtype } = at;
  const chosen = write.oneHot(name, { rank, classes: shape(0)[axis], axis }, dtype);
  return write.reduce("ReduceSum", op.Mul(chosen, write.unsqueeze(g, [axis])), [axis + 1], false);
}

/** Flattens the positions that rows of indices select, per batch, to one number each. */
function linear(
  { op, write, constant }: GradientNode,
  { name: indices, shape: of }: ShapedName,
  dims: readonly number[],
  batch: number,
): string {
  const width = of.at(-1)!;
  const named = dims.slice(batch, batch + width);
  const sizes = constant("int64", [width], named);
  const whole = op.Mod(indices, sizes);
  const steps = named.map((_, k) => elements(named.slice(k + 1)));
  const offsets = op.Mul(whole, constant("int64", [width], steps));
  const within = write.reduce("ReduceSum", offsets, [of.length - 1], false);
  const batches = elements(dims.slice(0, batch));
  const perBatch = elements(of.slice(0, -1)) / batches;
  const starts = range(batches).map((k) => k * elements(named));
  const flat = write.reshape(within, [batches, perBatch]);
  return write.reshape(op.Add(flat, constant("int64", [batches, 1], starts)), [batches * perBatch]);
}
