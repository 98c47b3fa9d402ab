import { dataTypeNamed } from "../onnx/dtypes.ts";
import { float } from "../onnx/new-node.ts";
import type { Reducing } from "./families.ts";
import type { Ops } from "./ops.ts";

/** Creates a constant tensor, or returns an equal one that was created before. */
export type Constant<V> = (dtype: string, dims: readonly number[], values: ArrayLike<number>) => V;

type Reduction = keyof {
  [K in keyof Ops<unknown> as K extends `Reduce${string}` ? K : never]: true;
};
type Ints = readonly number[];

/** The opsets in which an attribute became an input. */
const AXES_OF_SUM = 13;
const AXES = 18;
const SLICE = 10;
const CLIP_AND_PAD = 11;
const SCATTER_ELEMENTS = 11;
/** The first opset with Where, Sign and OneHot. */
const WHERE = 9;
const EXPAND = 8;
/** The first opset in which Max broadcasts. */
const BROADCAST_MAX = 8;

/** What a slice with steps takes. */
export interface Strides {
  readonly starts: Ints;
  readonly ends: Ints;
  readonly axes: Ints;
  readonly steps?: Ints;
}

/** What the operators are written with, in the form of an opset. */
interface Form<V> {
  readonly op: Ops<V>;
  readonly opset: number;
  readonly constant: Constant<V>;
}

/** Operators whose form changed between opsets, each behind one signature. */
export type Portable<V> = ReturnType<typeof portable<V>>;

/** Returns the operators in the form of an opset, from 7 on. */
export function portable<V>(op: Ops<V>, opset: number, constant: Constant<V>) {
  const form = { op, opset, constant };
  const layout = layouts(form);
  return { ...layout, ...pieces(form, layout.ints), ...choices(form, layout) };
}

/** Operators that reduce, retype or lay out a tensor. */
function layouts<V>({ op, opset, constant }: Form<V>) {
  /** A 1-D tensor of integers. */
  const ints = (values: Ints): V => constant("int64", [values.length], values);
  const shaped =
    (form: "Squeeze" | "Unsqueeze") =>
    (x: V, axes: Ints): V => {
      if (axes.length === 0) return x;
      return opset >= AXES_OF_SUM ? op[form](x, ints(axes)) : op[form](x, null, { axes });
    };
  /** Copies along the axes that are 1 in `from`, which may have a lower rank. */
  const expand = (x: V, from: Ints, to: Ints): V => {
    if (opset >= EXPAND) return op.Expand(x, ints(to));
    const padded = [...new Array(to.length - from.length).fill(1), ...from];
    const repeats = to.map((size, k) => size / padded[k]);
    return op.Tile(op.Reshape(x, ints(padded)), ints(repeats));
  };
  return {
    ints,
    cast: (x: V, dtype: string): V => op.Cast(x, { to: dataTypeNamed(dtype)!.number }),
    /** Reduces over these axes, which are not negative; `keep` keeps them with size 1. */
    reduce(form: Reduction, x: V, axes: Ints, keep = true): V {
      if (axes.length === 0) return x;
      const keepdims: Reducing = { keepdims: keep ? 1 : 0 };
      const asInput = opset >= (form === "ReduceSum" ? AXES_OF_SUM : AXES);
      return asInput ? op[form](x, ints(axes), keepdims) : op[form](x, null, { ...keepdims, axes });
    },
    squeeze: shaped("Squeeze"),
    unsqueeze: shaped("Unsqueeze"),
    reshape: (x: V, shape: Ints): V => op.Reshape(x, ints(shape)),
    expand,
    zeros: (shape: Ints, dtype: string): V => expand(constant(dtype, [], [0]), [], shape),
  };
}

/** Operators that take a tensor apart or put parts into it. */
function pieces<V>({ op, opset }: Form<V>, ints: (values: Ints) => V) {
  /** Slices, with steps from opset 10. */
  const strided = (x: V, { starts, ends, axes, steps }: Strides): V =>
    opset >= SLICE
      ? op.Slice(x, ints(starts), ints(ends), ints(axes), steps ? ints(steps) : null)
      : op.Slice(x, null, null, null, null, { starts, ends, axes });
  return {
    strided,
    slice: (x: V, starts: Ints, ends: Ints, axes: Ints): V => strided(x, { starts, ends, axes }),
    /** Splits an axis into pieces of these sizes. */
    split: (x: V, sizes: Ints, axis: number): V[] =>
      opset >= AXES_OF_SUM
        ? op.Split(x, ints(sizes), { axis }, sizes.length)
        : op.Split(x, null, { axis, split: sizes }, sizes.length),
    /** Pads with zeros, or crops if a number is negative: the starts of all axes, then the ends. */
    pad: (x: V, pads: Ints): V =>
      opset >= CLIP_AND_PAD ? op.Pad(x, ints(pads)) : op.Pad(x, null, null, null, { pads }),
    /** Writes updates into the data, from opset 9. */
    scatter: (data: V, indices: V, updates: V, axis: number): V =>
      opset < SCATTER_ELEMENTS
        ? op.Scatter(data, indices, updates, { axis })
        : op.ScatterElements(data, indices, updates, { axis }),
    /** Adds updates to the data, from opset 16. */
    scatterAdd: (data: V, indices: V, updates: V, axis: number): V =>
      op.ScatterElements(data, indices, updates, { axis, reduction: "add" }),
  };
}

/** Operators that choose between numbers. */
function choices<V>(
  { op, opset, constant }: Form<V>,
  { ints, cast, unsqueeze }: ReturnType<typeof layouts<V>>,
) {
  /** Returns x if the condition holds, otherwise y; both must be finite before opset 9. */
  const where = (condition: V, x: V, y: V, dtype: string): V =>
    opset >= WHERE
      ? op.Where(condition, x, y)
      : op.Add(y, op.Mul(cast(condition, dtype), op.Sub(x, y)));
  return {
    where,
    sign(x: V, dtype: string): V {
      if (opset >= WHERE) return op.Sign(x);
      const zero = constant(dtype, [], [0]);
      return op.Sub(cast(op.Greater(x, zero), dtype), cast(op.Less(x, zero), dtype));
    },
    /** Returns x if the condition holds, otherwise 0. x must be finite. Faster than `where`. */
    masked: (condition: V, x: V, dtype: string): V => op.Mul(x, cast(condition, dtype)),
    clip(x: V, min: number | null, max: number | null, dtype: string): V {
      const scalar = (value: number | null) =>
        value === null ? null : constant(dtype, [], [value]);
      if (opset >= CLIP_AND_PAD) return op.Clip(x, scalar(min), scalar(max));
      return op.Clip(x, null, null, {
        ...(min === null ? {} : { min: float(min) }),
        ...(max === null ? {} : { max: float(max) }),
      });
    },
    /** Returns the larger of x and the number. */
    atLeast(x: V, least: number, dtype: string): V {
      const bound = constant(dtype, [], [least]);
      if (opset >= BROADCAST_MAX) return op.Max([x, bound]);
      return where(op.Greater(x, bound), x, bound, dtype);
    },
    /** One-hot encodes int64 classes along a new last axis. */
    oneHot(labels: V, rank: number, classes: number, dtype: string): V {
      if (opset < WHERE) {
        const all = ints(Array.from({ length: classes }, (_, k) => k));
        return cast(op.Equal(unsqueeze(labels, [rank]), all), dtype);
      }
      const depth = constant("int64", [], [classes]);
      const hot = op.OneHot(labels, depth, constant("float", [2], [0, 1]), { axis: -1 });
      return dtype === "float" ? hot : cast(hot, dtype);
    },
  };
}
