import { elements, identity, placeOfAxis, range } from "../../src/onnx/dtypes.ts";
import { type Attributes, float } from "../../src/onnx/new-node.ts";
import type { GradientNode, VjpTable } from "./rule.ts";

/** Operators that resample: linear in their input, and separable by axis. */
export const resamplings = {
  Resize: (at) => {
    const { op, write, opset, shape, constant } = at;
    const { axes, scales, cropping, roi, policy, asked, limiting } = askedOf(at);
    const floats = (values: readonly number[]) => constant("float", [values.length], values);
    const attributes = formOf(at);
    const of = (axis: number, list: readonly number[], otherwise: number) =>
      list[axes.indexOf(axis)] ?? otherwise;
    const [starts, ends] = [roi.slice(0, axes.length), roi.slice(axes.length)];
    const cropped = (axis: number) => of(axis, starts, 0) !== 0 || of(axis, ends, 1) !== 1;
    const moved = (axis: number) =>
      of(axis, scales, 1) !== 1 || cropped(axis) || (limiting !== null && axes.includes(axis));
    const resized = (eye: string, axis: number, size: number, out: number) => {
      if (opset < 11)
        return op.Resize(eye, floats([1, 1, 1, of(axis, scales, 1)]), null, null, attributes);
      const none = opset < 13 ? floats([]) : null;
      const part = [0, 0, 0, of(axis, starts, 0), 1, 1, 1, of(axis, ends, 1)];
      const region = cropping ? floats(part) : none;
      if (limiting !== null && limiting !== axis) {
        // Copies along the axis whose scale applies to all.
        const length = shape(0)[limiting];
        const wide = write.expand(eye, [size, 1, 1, size], [size, 1, length, size]);
        const sizes = write.ints([of(limiting, asked, 1), of(axis, asked, 1)]);
        const two = cropping ? floats([0, part[3], 1, part[7]]) : null;
        const kept = { ...attributes, axes: [2, 3], keep_aspect_ratio_policy: policy };
        return write.slice(op.Resize(wide, two, null, sizes, kept), [0], [1], [2]);
      }
      if (scales.length > 0) {
        // Another axis changes too, but onnxruntime copies if no size does.
        const wider = size === out ? 2 : 1;
        const four = floats([1, 1, wider, of(axis, scales, 1)]);
        const resizedEye = op.Resize(eye, region, four, null, attributes);
        return wider === 1 ? resizedEye : write.slice(resizedEye, [0], [1], [2]);
      }
      return op.Resize(eye, region, none, write.ints([size, 1, 1, out]), attributes);
    };
    // onnxruntime copies if no size changes, whatever the scales.
    if (shape(0).every((size, axis) => size === at.outShape(0)[axis])) return [at.g];
    return [alongAxes(at, resized, moved)];
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
    return [alongAxes(at, resized, (axis) => scales[axis] !== 1)];
  },
} satisfies VjpTable;

/** What a Resize is asked for: its axes, and along each of them a scale, a region and a size. */
function askedOf(at: GradientNode) {
  const { text, opset, shape } = at;
  const rank = shape(0).length;
  const axes = (at.ints("axes") ?? range(rank)).map((axis) => placeOfAxis(axis, rank));
  const given = (place: number, what: string) =>
    (at.inputs[place] ? at.numbers(place) : []) ??
    at.refuse(`its ${what} are computed from the data`);
  const scales = given(opset < 11 ? 1 : 2, "scales");
  const cropping = text("coordinate_transformation_mode", "half_pixel") === "tf_crop_and_resize";
  const roi = cropping ? given(1, "regions") : [];
  const policy = text("keep_aspect_ratio_policy", "stretch");
  const asked = policy === "stretch" ? [] : given(3, "sizes");
  const limiting = asked.length > 0 ? limitingAxis(at, axes, asked, policy) : null;
  return { axes, scales, cropping, roi, policy, asked, limiting };
}

/** Returns the axis whose scale applies to all, if the ratio of sizes is kept. */
function limitingAxis(
  { shape }: GradientNode,
  axes: readonly number[],
  asked: readonly number[],
  policy: string,
): number {
  const sign = policy === "not_larger" ? 1 : -1;
  const scale = (k: number) => (sign * asked[k]) / shape(0)[axes[k]];
  return axes[range(axes.length).reduce((best, k) => (scale(k) < scale(best) ? k : best), 0)];
}

/** The settings for resampling an axis, without its size. */
function formOf({ text, int, float: number, opset }: GradientNode): Attributes {
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
 * Multiplies each axis that changes with its resampling matrix: the operator applied to the
 * identity, which onnxruntime computes once.
 */
function alongAxes(
  { op, write, g, shape, outShape, constant, dtype }: GradientNode,
  resized: (eye: string, axis: number, size: number, out: number) => string,
  moved: (axis: number) => boolean,
): string {
  const dims = [...outShape(0)];
  let gradient = g;
  for (const [axis, out] of outShape(0).entries()) {
    const size = shape(0)[axis];
    if (size === out && !moved(axis)) continue;
    const eye = constant(dtype, [size, 1, 1, size], identity(size));
    const matrix = write.reshape(resized(eye, axis, size, out), [size, out]);
    const [before, after] = [elements(dims.slice(0, axis)), elements(dims.slice(axis + 1))];
    const last = after === 1;
    const folded = write.reshape(gradient, last ? [before, out] : [before, out, after]);
    gradient = last
      ? op.MatMul(folded, op.Transpose(matrix, { perm: [1, 0] }))
      : op.MatMul(matrix, folded);
    dims[axis] = size;
  }
  return write.reshape(gradient, dims);
}
