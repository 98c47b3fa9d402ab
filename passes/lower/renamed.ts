import { placeOfAxis, range } from "../../src/onnx/dtypes.ts";
import { float } from "../../src/onnx/new-node.ts";
import { axisLength, upTo } from "./attend.ts";
import type { LoweringTable } from "./composite.ts";

/** The first opset that calls the modes of GridSample linear and cubic. */
const LINEAR = 20;
/** The first opset in which the pads are an input. */
const PADS = 11;

/** Operators that other nodes of ai.onnx can replace. */
export const loweredRenamed: LoweringTable = {
  /** Selects positions along an axis, or elements, at which a constant condition is true. */
  Compress: ({ op, input, data, int, to, refuse }) => {
    const condition = data(1) ?? refuse("its condition is computed from the data");
    const chosen = range(condition.length).filter((place) => condition[place]);
    const axis = int("axis", Number.NaN);
    if (!Number.isNaN(axis)) return [op.Gather(input(0), to.ints(chosen), { axis })];
    return [op.Gather(to.reshape(input(0), [-1]), to.ints(chosen), { axis: 0 })];
  },
  /** An image without its borders: left, top, right and bottom, or of a size from the top left on. */
  Crop: ({ to, input, ints, refuse }) => {
    const [left, top, right, bottom] = ints("border") ?? refuse("its border is not stated");
    const [height, width] = ints("scale") ?? [];
    if (height === undefined) return [to.pad(input(0), [0, 0, -top, -left, 0, 0, -bottom, -right])];
    return [to.slice(input(0), [top, left], [top + height, left + width], [2, 3])];
  },
  Scale: ({ op, input, scalar, float: number }) => [op.Mul(input(0), scalar(number("scale", 1)))],
  /** An image times a number, plus a number for each channel. */
  ImageScaler: ({ op, input, constant, dtype, scalar, floats, float: number }) => {
    const bias = floats("bias") ?? [];
    const scaled = op.Mul(input(0), scalar(number("scale", 1)));
    return [op.Add(scaled, constant(dtype(0), [bias.length, 1, 1], bias))];
  },
  /** ScatterElements at the positions from each example's index on. */
  TensorScatter: (call) => {
    const { op, to, input, inputs, shape, int, text } = call;
    const rank = shape(0).length;
    const axis = placeOfAxis(int("axis", -2), rank);
    const steps = to.unsqueeze(upTo(call, axisLength(call, input(1), axis)), [0]);
    const starts = inputs[2] == null ? to.ints([0]) : input(2);
    const places = op.Add(to.unsqueeze(starts, [1]), steps);
    const wraps = text("mode", "linear") === "circular";
    const own = wraps ? op.Mod(places, axisLength(call, input(0), axis)) : places;
    const others = range(rank).filter((k) => k > 0 && k !== axis);
    const indices = op.Expand(to.unsqueeze(own, others), op.Shape(input(1)));
    return [op.ScatterElements(input(0), indices, input(1), { axis })];
  },
  /** The distance of each row of A from each row of B. */
  "com.microsoft.CDist": ({ to, op, input, text }) => {
    const apart = op.Sub(to.unsqueeze(input(0), [1]), to.unsqueeze(input(1), [0]));
    const isRoot = text("metric", "sqeuclidean") === "euclidean";
    return [to.reduce(isRoot ? "ReduceL2" : "ReduceSumSquare", apart, [2], false)];
  },
  "com.microsoft.ExpandDims": ({ to, input, numbers, shape }) => [
    to.unsqueeze(input(0), [placeOfAxis(numbers(1, "axes")[0], shape(0).length + 1)]),
  ],
  "com.microsoft.GatherND": ({ op, input }) => [op.GatherND(input(0), input(1))],
  "com.microsoft.GridSample": ({ op, input, int, text, opset }) => {
    const mode = text("mode", "bilinear");
    const attributes = {
      align_corners: int("align_corners", 0),
      mode: opset < LINEAR ? mode : mode.replace("bi", ""),
      padding_mode: text("padding_mode", "zeros"),
    };
    return [op.GridSample(input(0), input(1), attributes)];
  },
  "com.microsoft.Pad": (call) => {
    const { op, to, input, inputs, numbers, text, opset } = call;
    const [mode, pads] = [text("mode", "constant"), numbers(1, "pads")];
    if (opset < PADS) {
      const value = float(inputs[2] == null ? 0 : numbers(2, "values")[0]);
      return [op.Pad(input(0), null, null, null, { mode, pads, value })];
    }
    const value = inputs[2] == null ? null : to.reshape(inputs[2], []);
    return [op.Pad(input(0), to.ints(pads), value, null, { mode })];
  },
  /** Windows of an axis; their elements become the last axis. */
  "com.microsoft.UnfoldTensor": ({ op, constant, input, shape, int, fixed }) => {
    const rank = shape(0).length;
    const axis = placeOfAxis(int("dim", -1), rank);
    const [size, step] = [int("size", 1), int("step", 1)];
    const length = fixed(shape(0)[axis], "the size of its axis is not fixed");
    const count = Math.floor((length - size) / step) + 1;
    const places = range(count).flatMap((k) => range(size).map((tap) => k * step + tap));
    const windows = op.Gather(input(0), constant("int64", [count, size], places), { axis });
    const others = range(rank + 1).toSpliced(axis + 1, 1);
    return [op.Transpose(windows, { perm: [...others, axis + 1] })];
  },
};
