import { rows } from "../../../src/graph/own.ts";
import { positive, range } from "../../gradient/broadcasting.ts";
import { ONE } from "../factor.ts";
import type { At, KnownShape, ScaleRule, ScaleTable } from "./rule.ts";
import { type Axes, homogeneous, onlyAt, provided, stay, unread } from "./shared.ts";

const rankOf = (at: At) => at.shape(0)?.length ?? null;

const transposed: Axes = {
  forth: (at, axis) => {
    const found = permOf(at)?.indexOf(axis) ?? -1;
    return found < 0 ? null : found;
  },
  back: (at, axis) => permOf(at)?.[axis] ?? null,
};

function permOf(at: At): readonly number[] | null {
  const rank = rankOf(at);
  return at.ints("perm") ?? (rank === null ? null : range(rank).reverse());
}

/** Axes with equal products of sizes before and after them, as a Reshape keeps them. */
const reshaped: Axes = {
  forth: (at, axis) => counterpart(at.shape(0), at.outShape(0), axis),
  back: (at, axis) => counterpart(at.outShape(0), at.shape(0), axis),
};

/** The axis of another shape that holds the same features: the last ones are equal up to it. */
function counterpart(from: KnownShape, to: KnownShape, axis: number): number | null {
  if (!from || !to) return null;
  const size = from[axis];
  const behind = from.slice(axis + 1);
  if (size === null || behind.includes(null)) return null;
  const inner = (behind as number[]).reduce((a, b) => a * b, 1);
  let product = 1;
  for (let k = to.length - 1; k >= 0; k--) {
    if (product === inner && to[k] === size) return k;
    const dim = to[k];
    if (dim === null) return null;
    product *= dim;
  }
  return null;
}

/** Axes that stay where they are unless the operator works along them. */
const unless = (along: (at: At) => readonly number[] | null): Axes =>
  stay((at, axis) => {
    const axes = along(at);
    return axes && !axes.includes(axis) ? axis : null;
  });

/** Axes of a given attribute or input, counted from the first. */
function axesOf(at: At, input: number): readonly number[] | null {
  const rank = rankOf(at);
  const axes = at.has(input) ? at.numbers(input) : at.ints("axes");
  return rank === null || !axes ? null : axes.map((axis) => positive(axis, rank));
}

const gathered: Axes = {
  forth: (at, axis) => {
    const [rank, indices] = [rankOf(at), at.shape(1)];
    if (rank === null || !indices) return null;
    const along = positive(at.int("axis", 0), rank);
    return axis === along ? null : axis < along ? axis : axis + indices.length - 1;
  },
  back: (at, axis) => {
    const [rank, indices] = [rankOf(at), at.shape(1)];
    if (rank === null || !indices) return null;
    const along = positive(at.int("axis", 0), rank);
    if (axis < along) return axis;
    return axis < along + indices.length ? null : axis - indices.length + 1;
  },
};

/** Resizing interpolates, unless it fills in a number beyond the edge. */
const interpolates = (at: At) => at.float("extrapolation_value", 0) === 0;

const split: ScaleRule = {
  forward: (at, factors) => {
    const [factor] = factors;
    const along = at.int("axis", 0);
    const rank = rankOf(at);
    const fits = factor.axis === null || (rank !== null && positive(along, rank) !== factor.axis);
    return onlyAt(factors, 0) && fits ? { outputs: range(at.outputs).map(() => factor) } : null;
  },
};

/** Operators that move, copy, drop or interpolate values. */
export const scaleLayout: ScaleTable = {
  ...rows(homogeneous(true), "Cast Dropout Identity Trilu"),
  ...rows(homogeneous(true, null), "CenterCropPad Compress CumSum DepthToSpace Expand"),
  ...rows(homogeneous(true, null), "GatherElements GatherND ReverseSequence SpaceToDepth"),
  ...rows(homogeneous(true, null), "Tile Upsample"),
  ...rows(homogeneous(true, reshaped), "Flatten Reshape Squeeze Unsqueeze"),
  ...rows(unread, "Shape Size"),
  Gather: homogeneous(true, gathered),
  Resize: provided(interpolates, homogeneous(true, null)),
  Slice: homogeneous(
    true,
    unless((at) => (at.opset < 10 ? at.ints("axes") : axesOf(at, 3))),
  ),
  Split: split,
  TopK: { forward: (_, f) => (f[0].axis === null ? { outputs: [f[0], ONE] } : null) },
  Transpose: homogeneous(true, transposed),
};
