import { range } from "../../src/onnx/dtypes.ts";
import type { LoweringRule } from "./composite.ts";

/** A convolution that reads each tap at a place of its own: samples of the image, then a product. */
export const DeformConv: LoweringRule = (call) => {
  const { op, to, input, inputs, int, ints, shape, scalar, dtype, constant, fixed, refuse } = call;
  if (shape(0).length !== 4) return refuse("it does not have two spatial axes");
  const sizes = (index: number, first: number) =>
    shape(index)
      .slice(first)
      .map((size) => fixed(size, "a size of its input is not fixed"));
  const [c, h, w] = sizes(0, 1);
  const [m, , kh, kw] = sizes(1, 0);
  const [oh, ow] = sizes(2, 2);
  const [taps, groups, regions] = [kh * kw, int("group", 1), int("offset_group", 1)];
  const [strides, dilations] = [ints("strides") ?? [1, 1], ints("dilations") ?? [1, 1]];
  const pads = ints("pads") ?? [0, 0, 0, 0];
  const offsets = to.reshape(input(2), [-1, taps, 2, oh, ow]);
  const along = (axis: number, size: number, out: number, kernel: readonly number[]) => {
    const places = range(taps * out).map((k) => {
      const [tap, place] = [Math.floor(k / out), k % out];
      const step = axis === 0 ? Math.floor(tap / kernel[1]) : tap % kernel[1];
      return place * strides[axis] - pads[axis] + step * dilations[axis];
    });
    const dims = [1, taps, 1, axis === 0 ? oh : 1, axis === 0 ? 1 : ow];
    const moved = to.slice(offsets, [axis], [axis + 1], [2]);
    const place = op.Add(moved, constant(dtype(0), dims, places));
    // From pixels to -1 at the image's first edge and 1 at its last.
    const grid = op.Add(op.Mul(place, scalar(2 / size)), scalar(1 / size - 1));
    return to.reshape(grid, [-1, taps * oh, ow, 1]);
  };
  const grid = op.Concat([along(1, w, ow, [kh, kw]), along(0, h, oh, [kh, kw])], { axis: 3 });
  const image = to.reshape(input(0), [-1, c / regions, h, w]);
  const read = op.GridSample(image, grid, { align_corners: 0, padding_mode: "zeros" });
  const masked =
    inputs[4] == null ? read : op.Mul(read, to.reshape(input(4), [-1, 1, taps * oh, ow]));
  const columns = to.reshape(masked, [-1, groups, (c / groups) * taps, oh * ow]);
  const weights = to.reshape(input(1), [groups, m / groups, (c / groups) * taps]);
  const y = to.reshape(op.MatMul(weights, columns), [-1, m, oh, ow]);
  return [inputs[3] == null ? y : op.Add(y, to.reshape(input(3), [m, 1, 1]))];
};
