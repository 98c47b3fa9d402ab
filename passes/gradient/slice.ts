import { placeOfAxis, range } from "../../src/onnx/dtypes.ts";
import type { GradientRule } from "./rule.ts";

/**
 * Writes the cotangent of a Slice into its place, with zeros around it. A step also puts zeros
 * between; a negative step is reversed first.
 */
export const slice: GradientRule = (at) => {
  const { op, write, g, shape, outShape, inputs, list, numbers, refuse, dtype } = at;
  const dims = shape(0);
  const rank = dims.length;
  const starts = list("starts", 1);
  const axes = list("axes", 3) ?? range(starts?.length ?? 0);
  const steps = inputs[4] ? numbers(4) : axes.map(() => 1);
  if (!starts || !steps || (inputs[3] && !numbers(3)))
    return refuse("its positions are computed from the data");
  const sizes = [...outShape(0)];
  if (sizes.includes(0)) return [write.zeros(dims, dtype)];
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
  return [pads.every((count) => count === 0) ? gradient : write.pad(gradient, pads)];
};
