import { placeOfAxis, range } from "../../src/onnx/dtypes.ts";
import { axisLength, upTo } from "./attend.ts";
import type { LoweringTable } from "./composite.ts";

/** Operators that say in one node what ai.onnx says in others. */
export const loweredRenamed: LoweringTable = {
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
  "com.microsoft.GatherND": ({ op, input }) => [op.GatherND(input(0), input(1))],
  "com.microsoft.GridSample": ({ op, input, int, text }) => [
    op.GridSample(input(0), input(1), {
      align_corners: int("align_corners", 0),
      mode: text("mode", "bilinear"),
      padding_mode: text("padding_mode", "zeros"),
    }),
  ],
  "com.microsoft.Trilu": ({ op, input, inputs, int }) => [
    op.Trilu(input(0), inputs[1] ?? null, { upper: int("upper", 1) }),
  ],
};
