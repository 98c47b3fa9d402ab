import { dataTypeNamed, range } from "../onnx/dtypes.ts";
import { float } from "../onnx/new-node.ts";
import { sinceOf } from "./operators.ts";
import type { Ops } from "./ops.ts";
import type { Reducing } from "./signatures.ts";

/** Creates a constant tensor, or returns an equal one that was created before. */
export type Constant = (
  dtype: string,
  dims: readonly number[],
  values: ArrayLike<number>,
) => string;

type Reduction = keyof {
  [K in keyof Ops<unknown> as K extends `Reduce${string}` ? K : never]: true;
};
type Ints = readonly number[];

/** The opsets in which an attribute became an input. */
const AXES_OF_SUM = 13;
const AXES = 18;
const SLICE = 10;
const CLIP_AND_PAD = 11;
/** The first opset in which scatters add. */
const SCATTER_ADD = 16;
/** The first opset in which Max broadcasts. */
const BROADCAST_MAX = 8;

/** What a slice with steps takes. */
export interface Strides {
  readonly starts: Ints;
  readonly ends: Ints;
  readonly axes: Ints;
  readonly steps?: Ints;
}

/** What a one-hot encoding takes: the rank of the labels, and the place of the new axis. */
export interface OneHot {
  readonly rank: number;
  readonly classes: number;
  readonly axis?: number;
}

/** What the operators are written with, in the form of an opset. */
export interface Form {
  /** Writes nodes of operators whose form is the same in all opsets. */
  readonly op: Ops;
  /** Version of ai.onnx that the model imports. */
  readonly opset: number;
  readonly constant: Constant;
}

/** Operators whose form changed between opsets, each behind one signature. */
export type Portable = ReturnType<typeof portable>;

/** Returns the operators in the form of an opset, from 7 on. */
export function portable(op: Ops, opset: number, constant: Constant) {
  const form = { op, opset, constant };
  const layout = layouts(form);
  return {
    ...layout,
    ...pieces(form, layout.ints),
    ...choices(form, layout),
    /** One-hot encodes int64 classes along a new axis, the last by default. */
    oneHot: oneHots(form, layout),
  };
}

/** Operators that reduce, retype or lay out a tensor. */
function layouts({ op, opset, constant }: Form) {
  /** A 1-D tensor of integers. */
  const ints = (values: Ints): string => constant("int64", [values.length], values);
  const shaped =
    (form: "Squeeze" | "Unsqueeze") =>
    (x: string, axes: Ints): string => {
      if (axes.length === 0) return x;
      return opset >= AXES_OF_SUM ? op[form](x, ints(axes)) : op[form](x, null, { axes });
    };
  /** Copies along the axes that are 1 in `from`, which may have a lower rank. */
  const expand = (x: string, from: Ints, to: Ints): string => {
    if (opset >= sinceOf("Expand")) return op.Expand(x, ints(to));
    const padded = [...new Array(to.length - from.length).fill(1), ...from];
    const repeats = to.map((size, k) => size / padded[k]);
    return op.Tile(op.Reshape(x, ints(padded)), ints(repeats));
  };
  return {
    ints,
    /** Casts to a data type, in ONNX's spelling, unless it is the value's own. */
    cast: (x: string, dtype: string, own?: string): string =>
      own === dtype ? x : op.Cast(x, { to: dataTypeNamed(dtype)!.number }),
    /** Reduces over these axes, which are not negative; `keep` keeps them with size 1. */
    reduce(form: Reduction, x: string, axes: Ints, keep = true): string {
      if (axes.length === 0) return x;
      const keepdims: Reducing = { keepdims: keep ? 1 : 0 };
      const asInput = opset >= (form === "ReduceSum" ? AXES_OF_SUM : AXES);
      return asInput ? op[form](x, ints(axes), keepdims) : op[form](x, null, { ...keepdims, axes });
    },
    /** Removes these axes of size 1. */
    squeeze: shaped("Squeeze"),
    /** Adds axes of size 1 at these places of the result. */
    unsqueeze: shaped("Unsqueeze"),
    /** Gives the same elements another shape; 0 keeps a size and −1 is what remains. */
    reshape: (x: string, shape: Ints): string => op.Reshape(x, ints(shape)),
    expand,
    /** Zeros of a shape. */
    zeros: (shape: Ints, dtype: string): string => expand(constant(dtype, [], [0]), [], shape),
  };
}

type Layouts = ReturnType<typeof layouts>;

/** Operators that take a tensor apart or put parts into it. */
function pieces({ op, opset }: Form, ints: Layouts["ints"]) {
  /** Slices, with steps from opset 10. */
  const strided = (x: string, { starts, ends, axes, steps }: Strides): string =>
    opset >= SLICE
      ? op.Slice(x, ints(starts), ints(ends), ints(axes), steps ? ints(steps) : null)
      : op.Slice(x, null, null, null, null, { starts, ends, axes });
  return {
    strided,
    /** Takes the elements from `starts` to before `ends` along these axes. */
    slice: (x: string, starts: Ints, ends: Ints, axes: Ints): string =>
      strided(x, { starts, ends, axes }),
    /** Splits an axis into pieces of these sizes. */
    split: (x: string, sizes: Ints, axis: number): string[] =>
      opset >= AXES_OF_SUM
        ? op.Split(x, ints(sizes), { axis }, sizes.length)
        : op.Split(x, null, { axis, split: sizes }, sizes.length),
    /** Pads with zeros, or crops if a number is negative: the starts of all axes, then the ends. */
    pad: (x: string, pads: Ints): string =>
      opset >= CLIP_AND_PAD ? op.Pad(x, ints(pads)) : op.Pad(x, null, null, null, { pads }),
    /** Writes updates into the data, from opset 9. */
    scatter: (data: string, indices: string, updates: string, axis: number): string =>
      opset < sinceOf("ScatterElements")
        ? op.Scatter(data, indices, updates, { axis })
        : op.ScatterElements(data, indices, updates, { axis }),
    scattersAdd: opset >= SCATTER_ADD,
    /** Adds updates to the data, where scatters add. */
    scatterAdd: (data: string, indices: string, updates: string, axis: number): string =>
      op.ScatterElements(data, indices, updates, { axis, reduction: "add" }),
  };
}

/** Operators that choose between numbers. */
function choices({ op, opset, constant }: Form, { cast }: Layouts) {
  /** Returns x if the condition holds, otherwise y; both must be finite before opset 9. */
  const where = (condition: string, x: string, y: string, dtype: string): string =>
    opset >= sinceOf("Where")
      ? op.Where(condition, x, y)
      : op.Add(y, op.Mul(cast(condition, dtype), op.Sub(x, y)));
  return {
    where,
    /** −1, 0 or 1 for each element. */
    sign(x: string, dtype: string): string {
      if (opset >= sinceOf("Sign")) return op.Sign(x);
      const zero = constant(dtype, [], [0]);
      return op.Sub(cast(op.Greater(x, zero), dtype), cast(op.Less(x, zero), dtype));
    },
    /** Returns x if the condition holds, otherwise 0. x must be finite. Faster than `where`. */
    masked: (condition: string, x: string, dtype: string): string =>
      op.Mul(x, cast(condition, dtype)),
    /** Limits each element to a range; null leaves an end open. */
    clip(x: string, min: number | null, max: number | null, dtype: string): string {
      const scalar = (value: number | null) =>
        value === null ? null : constant(dtype, [], [value]);
      if (opset >= CLIP_AND_PAD) return op.Clip(x, scalar(min), scalar(max));
      return op.Clip(x, null, null, {
        ...(min === null ? {} : { min: float(min) }),
        ...(max === null ? {} : { max: float(max) }),
      });
    },
    /** Returns the larger of x and the number. */
    atLeast(x: string, least: number, dtype: string): string {
      const bound = constant(dtype, [], [least]);
      if (opset >= BROADCAST_MAX) return op.Max([x, bound]);
      return where(op.Greater(x, bound), x, bound, dtype);
    },
  };
}

/** Returns an operator that one-hot encodes int64 classes along a new axis, the last by default. */
const oneHots =
  ({ op, opset, constant }: Form, { cast, unsqueeze }: Layouts) =>
  (labels: string, { rank, classes, axis }: OneHot, dtype: string): string => {
    if (opset < sinceOf("OneHot")) {
      const place = axis ?? rank;
      const dims = [classes, ...new Array(rank - place).fill(1)];
      const numbers = constant("int64", dims, range(classes));
      return cast(op.Equal(unsqueeze(labels, [place]), numbers), dtype);
    }
    // As floats, which onnxruntime supports.
    const ends = constant("float", [2], [0, 1]);
    const depth = constant("int64", [], [classes]);
    return cast(op.OneHot(labels, depth, ends, { axis: axis ?? -1 }), dtype, "float");
  };
