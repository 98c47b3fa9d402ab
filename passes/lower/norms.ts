import { sinceOf } from "../../src/graph/operators.ts";
import type { Ops } from "../../src/graph/ops.ts";
import { isHalf, placeOfAxis, range } from "../../src/onnx/dtypes.ts";
import { float } from "../../src/onnx/new-node.ts";
import { axisLength, upTo } from "./attend.ts";
import type { Composite, LoweringRule, LoweringTable } from "./composite.ts";
import { channelsFirst, channelsLast } from "./convolutions.ts";
import { SKIP_EPSILON, type SkipNorm, tokenNorms } from "./skip-norms.ts";

/** Casts to at least single precision, in which norms are computed, and back. */
function widened({ to: { cast }, dtype: dtypeOf }: Composite) {
  const dtype = dtypeOf(0);
  const half = isHalf(dtype);
  return {
    wide: half ? "float" : dtype,
    widen: (x: string) => (half ? cast(x, "float") : x),
    narrow: (x: string) => (half ? cast(x, dtype) : x),
  };
}

/** Writes (x − mean) / √(var + ε), the mean, and 1 / √(var + ε), over some axes. */
function standardised(call: Composite, x: string, axes: readonly number[], epsilon: number) {
  const { op, to, scalar } = call;
  const mean = to.reduce("ReduceMean", x, axes);
  const apart = op.Sub(x, mean);
  const variance = to.reduce("ReduceMean", op.Mul(apart, apart), axes);
  const deviation = op.Sqrt(op.Add(variance, scalar(epsilon, widened(call).wide)));
  return { normal: op.Div(apart, deviation), mean, deviation };
}

/** LayerNormalization over the last axis: Y and, if requested, mean and inverse deviation. */
function layerNorm(
  call: Composite,
  x: string,
  [gamma, beta]: readonly [string, string | null],
  epsilon: number,
): (string | null)[] {
  const { op, opset, wants, shape } = call;
  if (opset >= sinceOf("LayerNormalization")) {
    const outputs = wants(2) ? 3 : wants(1) ? 2 : 1;
    const attributes = { axis: -1, epsilon: float(epsilon) };
    return op.LayerNormalization(x, gamma, beta, attributes, outputs);
  }
  const { widen, narrow } = widened(call);
  const axes = [shape(0).length - 1];
  const { normal, mean, deviation } = standardised(call, widen(x), axes, epsilon);
  const scaled = op.Mul(narrow(normal), gamma);
  return [
    beta === null ? scaled : op.Add(scaled, beta),
    mean,
    wants(2) ? op.Reciprocal(deviation) : null,
  ];
}

/** γ x / √(mean(x²) + ε), no mean, and the inverse of that root. */
function rmsNorm(
  call: Composite,
  x: string,
  gamma: string,
  { axes, epsilon }: { readonly axes: readonly number[]; readonly epsilon: number },
): (string | null)[] {
  const { op, to, scalar } = call;
  const { wide, widen, narrow } = widened(call);
  const own = widen(x);
  const square = to.reduce("ReduceMean", op.Mul(own, own), axes);
  const inverse = op.Reciprocal(op.Sqrt(op.Add(square, scalar(epsilon, wide))));
  return [op.Mul(narrow(op.Mul(own, inverse)), gamma), null, inverse];
}

function groupNorm(call: Composite, x: string): string {
  const { op, input, int, float, dtype, shape, to } = call;
  const rank = shape(0).length;
  const last = int("channels_last", 1) !== 0;
  const places = range(rank - 1).slice(1);
  const { wide, widen, narrow } = widened(call);
  const first = last ? channelsFirst(call, 0, x) : x;
  const grouped = to.reshape(widen(first), [0, int("groups", 1), -1]);
  const epsilon = float("epsilon", 1e-5);
  const { normal } = standardised(call, grouped, [2], epsilon);
  const back = op.Reshape(normal, op.Shape(first));
  const placed = last ? channelsLast(call, back) : back;
  const factor = (index: number) => {
    const own = to.cast(input(index), wide, dtype(index));
    return last ? own : to.unsqueeze(own, places);
  };
  const y = op.Add(op.Mul(placed, factor(1)), factor(2));
  return narrow(int("activation", 0) === 1 ? op.Mul(y, op.Sigmoid(y)) : y);
}

const summed = (op: Ops, [x, skip, bias]: readonly (string | null | undefined)[]) =>
  op.Add(bias == null ? x! : op.Add(x!, bias), skip!);

/** LN of the sum of embeddings of words, positions and segments; the number of words; that sum. */
const embedded: LoweringRule = (call) => {
  const { op, to, input, inputs, float, dtype, wants } = call;
  const ids = input(0);
  const positions = inputs[8] ?? to.unsqueeze(upTo(call, axisLength(call, ids, 1)), [0]);
  const rows = (table: number, places: typeof ids) => op.Gather(input(table), places, { axis: 0 });
  const placed = op.Add(rows(2, ids), rows(3, positions));
  const sum = inputs[1] == null ? placed : op.Add(placed, rows(4, inputs[1]));
  // What is normalized is floats with a feature axis more than the ids.
  const as = { ...call, dtype: () => dtype(2), shape: () => [...call.shape(0), call.shape(2)[1]] };
  const [y] = layerNorm(as, sum, [input(5), inputs[6] ?? null], float("epsilon", SKIP_EPSILON));
  const words = () =>
    to.reduce("ReduceSum", inputs[7] ?? op.Mul(ids, to.cast(to.ints([0]), dtype(0))), [1], false);
  return [y, wants(1) ? words() : null, sum];
};

/** A norm of input + skip + bias, and the sum if it is an output. */
const skipNorm =
  ({ norm, terms, bias, scale, sum: place }: SkipNorm): LoweringRule =>
  (call) => {
    const { op, input, inputs, shape, wants, refuse } = call;
    if (norm === "rms" && wants(1))
      return refuse("its mean output is used, but it does not compute a mean");
    const sum = summed(op, [...terms.map(input), inputs[bias]]);
    const epsilon = call.float("epsilon", SKIP_EPSILON);
    const [y, mean = null, inverse = null] =
      norm === "layer"
        ? layerNorm(call, sum, [input(scale), inputs[scale + 1] ?? null], epsilon)
        : rmsNorm(call, sum, input(scale), { axes: [shape(0).length - 1], epsilon });
    return [y, mean, inverse].toSpliced(place, 0, sum);
  };

/** Norms, and sums that end in one. */
export const loweredNorms: LoweringTable = {
  "com.microsoft.EmbedLayerNormalization": embedded,
  ...Object.fromEntries(tokenNorms().map(([op, row]) => [op, skipNorm(row)])),
  /** RMSNorm over the axes from `axis` on, under onnxruntime's name. */
  SimplifiedLayerNormalization: (call) => {
    const { input, shape, int, float } = call;
    const rank = shape(0).length;
    const first = placeOfAxis(int("axis", -1), rank);
    const over = { axes: range(rank).slice(first), epsilon: float("epsilon", 1e-5) };
    const [y, , inverse] = rmsNorm(call, input(0), input(1), over);
    return [y, inverse];
  },
  /** RMSNorm of pieces of the last axis as long as the scale, times silu or σ of the gate. */
  "com.microsoft.GatedRMSNorm": (call) => {
    const { op, to, input, shape, dtype, fixed, float, text } = call;
    const rank = shape(0).length;
    const width = fixed(shape(1)[0], "the size of its scale is not fixed");
    const pieces = to.reshape(input(0), [...new Array<number>(rank - 1).fill(0), -1, width]);
    const { wide, widen, narrow } = widened(call);
    const scale = to.cast(input(1), wide, dtype(1));
    const epsilon = float("epsilon", 1e-5);
    const as = { ...call, dtype: () => wide };
    const [normal] = rmsNorm(as, widen(pieces), scale, { axes: [rank], epsilon });
    const gate = widen(input(2));
    const open = op.Sigmoid(gate);
    const factor = text("activation", "silu") === "sigmoid" ? open : op.Mul(gate, open);
    return [narrow(op.Mul(op.Reshape(normal!, op.Shape(input(0))), factor))];
  },
  MeanVarianceNormalization: ({ op, input, ints, to, scalar }) => {
    const axes = ints("axes") ?? [0, 2, 3];
    const apart = op.Sub(input(0), to.reduce("ReduceMean", input(0), axes));
    const variance = to.reduce("ReduceMean", op.Mul(apart, apart), axes);
    return [op.Div(apart, op.Add(op.Sqrt(variance), scalar(1e-9)))];
  },
  /** x / (bias + α mean)^β, with the mean of x² over `size` channels around each. */
  LRN: ({ op, input, int, float: number, shape, to, scalar }) => {
    const size = int("size", 1);
    const places = shape(0).length - 2;
    const none = new Array<number>(places).fill(0);
    const mean = op.AveragePool(to.unsqueeze(op.Mul(input(0), input(0)), [1]), {
      count_include_pad: 1,
      kernel_shape: [size, ...none.map(() => 1)],
      pads: [Math.floor((size - 1) / 2), ...none, Math.ceil((size - 1) / 2), ...none],
    });
    const inner = op.Mul(to.squeeze(mean, [1]), scalar(number("alpha", 1e-4)));
    const base = op.Add(inner, scalar(number("bias", 1)));
    return [op.Mul(input(0), op.Pow(base, scalar(-number("beta", 0.75))))];
  },
  /** com.microsoft.GroupNorm, followed by SiLU if `activation` is 1. */
  "com.microsoft.GroupNorm": (call) => [groupNorm(call, call.input(0))],
  /** GroupNorm of x + skip + bias, and that sum. The skip may broadcast over all positions. */
  "com.microsoft.SkipGroupNorm": (call) => {
    const { op, input, inputs, shape, to } = call;
    const skip = to.unsqueeze(input(3), shape(3).length === 2 ? [1, 2] : []);
    const sum = summed(op, [input(0), skip, inputs[4]]);
    return [groupNorm(call, sum), sum];
  },
  "com.microsoft.BiasAdd": ({ op, input }) => [summed(op, [input(0), input(2), input(1)])],
};
