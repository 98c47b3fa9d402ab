import { rows } from "../../../src/graph/own.ts";
import { placeOfAxis, range } from "../../../src/onnx/dtypes.ts";
import { ONE } from "../factor.ts";
import type { At } from "../node-at.ts";
import type { ScaleRule, ScaleTable } from "./rule.ts";
import { aside, homogeneous, movedAxes, onlyAt, provided, stay, unread } from "./shared.ts";

/** Axes of a given attribute or input, counted from the first. */
function axesOf(at: At, input: number): readonly number[] | null {
  const [rank, axes] = [at.shape(0)?.length, at.list("axes", input)];
  return rank === undefined || !axes ? null : axes.map((axis) => placeOfAxis(axis, rank));
}

/** A Slice leaves axes where they are, except those that it cuts. */
const sliced = stay((at, axis) => {
  const axes = at.opset < 10 ? at.ints("axes") : axesOf(at, 3);
  return axes && !axes.includes(axis) ? axis : null;
});

/** Resizing interpolates, unless it fills in a number beyond the edge. */
const interpolates = (at: At) => at.float("extrapolation_value", 0) === 0;

const split: ScaleRule = {
  forward: (at, factors) => {
    const fits = onlyAt(factors, 0) && aside(at, factors[0], at.shape(0));
    return fits ? { outputs: range(at.outputs).map(() => factors[0]) } : null;
  },
};

/** Operators that move, copy, drop or interpolate values. */
export const scaleLayout: ScaleTable = {
  ...rows(homogeneous(true), "Cast Dropout Identity Trilu"),
  ...rows(homogeneous(true, null), "CenterCropPad Compress CumSum DepthToSpace Expand"),
  ...rows(homogeneous(true, null), "GatherElements GatherND ReverseSequence SpaceToDepth"),
  ...rows(homogeneous(true, null), "Tile Upsample"),
  ...rows(homogeneous(true, movedAxes), "Flatten Gather Reshape Squeeze Transpose Unsqueeze"),
  ...rows(unread, "Shape Size"),
  Resize: provided(interpolates, homogeneous(true, null)),
  Slice: homogeneous(true, sliced),
  Split: split,
  TopK: { forward: (_, f) => (f[0].axis === null ? { outputs: [f[0], ONE] } : null) },
};
