import { rows } from "../../../src/graph/own.ts";
import { placeOfAxis } from "../../../src/onnx/dtypes.ts";
import { type Factor, isNegative, isPositive, mapped, ONE, onAxis, reciprocal } from "../factor.ts";
import type { At } from "../node-at.ts";
import type { ScaleRequest, ScaleRule, ScaleTable } from "./rule.ts";
import { homogeneous, isScalar, movedAxes, onlyAt, provided, stay, takenInBy } from "./shared.ts";

/** A convolution: weights and bias are inputs 1 and 2. */
function convolution(inAxis: number, outAxis: number): ScaleRule {
  const depthwise = (at: At) => {
    const shape = at.shape(1);
    return at.int("group", 1) > 1 && shape?.[1] === 1 && shape[0] === at.int("group", 1);
  };
  return {
    forward: (at, factors) => {
      const [factor] = factors;
      if (!onlyAt(factors, 0) || !at.isConstant(1)) return null;
      if (factor.axis === null) return { outputs: [ONE], requests: [[1, factor]] };
      if (factor.axis !== 1) return null;
      if (at.int("group", 1) === 1)
        return { outputs: [ONE], requests: [[1, onAxis(factor, inAxis)]] };
      return depthwise(at) ? { outputs: [ONE], requests: [[1, onAxis(factor, 0)]] } : null;
    },
    backward: (at, by) => {
      if (at.text("activation", "") !== "" && isNegative(by)) return null;
      if (by.axis !== null && by.axis !== 1) return null;
      if (by.axis !== null && at.int("group", 1) > 1 && outAxis === 1) return null;
      const weight: ScaleRequest = [1, onAxis(by, outAxis)];
      return [{ requests: at.has(2) ? [weight, [2, onAxis(by, 0)]] : [weight] }];
    },
  };
}

/** Activations of a FusedConv that a positive factor passes, without a fourth input. */
const passesRelu = (at: At) =>
  !at.has(3) && ["Relu", "LeakyRelu", ""].includes(at.text("activation", ""));

/** What an integer stands for: its scale takes a positive multiplier in. */
const dequantize: ScaleRule = {
  backward: (at, by) => {
    if (!isPositive(by) || at.int("block_size", 0) > 0) return null;
    const rank = at.shape(0)?.length;
    if (by.axis === null) return [{ requests: [[1, by]] }];
    const axis = at.int("axis", 1);
    return rank !== undefined && placeOfAxis(axis, rank) === by.axis
      ? [{ requests: [[1, onAxis(by, 0)]] }]
      : null;
  },
};

/** Convolutions, layers that hold their projection, and the ends of quantized stretches. */
export const scaleConvolutions = {
  "com.microsoft.FusedConv": provided(passesRelu, convolution(1, 0)),
  Conv: convolution(1, 0),
  ConvTranspose: convolution(0, 1),
  DequantizeLinear: dequantize,
  // x / scale is the same if both are divided by a factor.
  QuantizeLinear: takenInBy(1, reciprocal),
  // Layers that hold their projection: the weights of the input take a factor in.
  ...rows(takenInBy(1), "com.microsoft.Attention GRU LSTM RNN"),
} satisfies ScaleTable;

/** Pools work along the axes behind the channels. */
const channels = stay((_, axis) => (axis <= 1 ? axis : null));

const squares: ScaleRule = {
  forward: (_, factors) =>
    onlyAt(factors, 0) && isScalar(factors[0])
      ? { outputs: [mapped(factors[0], (value) => value ** 2)] }
      : null,
  backward: (_, by: Factor) =>
    isNegative(by) || !isScalar(by) ? null : [{ requests: [[0, mapped(by, Math.sqrt)]] }],
};

/** Pools and reductions that a factor passes. */
export const scalePooling: ScaleTable = {
  ...rows(homogeneous(true, channels), "AveragePool GlobalAveragePool"),
  ...rows(homogeneous(false, channels), "GlobalLpPool GlobalMaxPool LpPool MaxPool"),
  MaxRoiPool: homogeneous(false, null),
  ...rows(homogeneous(true, movedAxes), "ReduceMean ReduceSum"),
  ...rows(homogeneous(false, movedAxes), "ReduceL1 ReduceL2 ReduceMax ReduceMin"),
  ReduceSumSquare: squares,
};
