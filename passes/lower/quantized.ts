import { range } from "../../src/onnx/dtypes.ts";
import { MicrosoftAttention } from "./attention.ts";
import { type Composite, type LoweringRule, type LoweringTable, plus } from "./composite.ts";
import { channelsFirst, channelsLast, WINDOW } from "./convolutions.ts";
import { dequantized, fakeQuantized, rewired } from "./dequantized.ts";
import { dynamicLstm } from "./recurrent.ts";

/** quantize(conv(x, w, b)); w may have a scale for each channel, the bias has the step x · w. */
const qLinearConv: LoweringRule = (call) => {
  const { op, input, inputs, int, kept } = call;
  const last = int("channels_last", 0) === 1;
  const x = last ? channelsFirst(call, 0, real(call, 0)) : real(call, 0);
  const bias = () =>
    dequantized(call, { x: 8, scale: op.Mul(input(1), input(4)), from: 4, zero: null, axis: 0 });
  const added = inputs[8] == null ? null : bias();
  const y = op.Conv(x, real(call, 3, 0), added, kept(...WINDOW));
  return [quantized(call, last ? channelsLast(call, y) : y, 6)];
};

/** An operator on two dequantized operands, quantized again. */
const binary =
  (name: "Add" | "Mul"): LoweringRule =>
  (call) => [quantized(call, call.op[name](real(call, 0), real(call, 3)), 6)];

/** An operator on one dequantized operand, quantized again. */
const unary =
  (write: (call: Composite, x: string) => string): LoweringRule =>
  (call) => [quantized(call, write(call, real(call, 0)), 3)];

/** Pools an image whose channels may come last. */
const pooled = (write: (call: Composite, x: string) => string): LoweringRule =>
  unary((call, x) => {
    const last = call.int("channels_last", 0) === 1;
    const y = write(call, last ? channelsFirst(call, 0, x) : x);
    return last ? channelsLast(call, y) : y;
  });

/** Returns the operand at this index, with its scale and zero point behind it. */
const real = (call: Composite, x: number, axis = -1) =>
  dequantized(call, { x, from: x + 1, zero: x + 2, axis });

const quantized = (call: Composite, x: string, index: number) =>
  call.op.QuantizeLinear(
    x,
    call.input(index),
    call.inputs[index + 1] ?? call.constant(call.dtype(0), [], [0]),
  );

/** Operators on integers that stand for floats. */
export const loweredQuantized: LoweringTable = {
  QLinearConv: qLinearConv,
  "com.microsoft.QLinearConv": qLinearConv,
  /** quantize(a + b) of dequantized operands; onnxruntime's own kernel may differ by one quantum. */
  "com.microsoft.QLinearAdd": binary("Add"),
  "com.microsoft.QLinearMul": binary("Mul"),
  /** quantize(A B); B may have a scale for each column. */
  QLinearMatMul: (call) => {
    const product = call.op.MatMul(real(call, 0, -2), real(call, 3, -1));
    return [quantized(call, product, 6)];
  },
  /** α A' B' + C, quantized if an output scale is given; C has the step α · A · B. */
  "com.microsoft.QGemm": (call) => {
    const { op, input, inputs, int, float, kept, scalar } = call;
    const alpha = float("alpha", 1);
    const step = op.Mul(input(1), input(4));
    const scale = alpha === 1 ? step : op.Mul(step, scalar(alpha, "float"));
    const c = inputs[6] == null ? null : dequantized(call, { x: 6, scale, from: 4, zero: null });
    const b = real(call, 3, int("transB", 0) === 1 ? 0 : 1);
    const product = op.Gemm(real(call, 0), b, null, kept("alpha", "transA", "transB"));
    const y = c === null ? product : op.Add(product, c);
    return [inputs[7] == null ? y : quantized(call, y, 7)];
  },
  "com.microsoft.QLinearSigmoid": unary(({ op }, x) => op.Sigmoid(x)),
  "com.microsoft.QLinearLeakyRelu": unary(({ op, kept }, x) => op.LeakyRelu(x, kept("alpha"))),
  /** Softmax; before opset 13 over all axes from `axis` on. */
  "com.microsoft.QLinearSoftmax": unary((call, x) => {
    const { op, int, shape, refuse } = call;
    const [axis, rank] = [int("axis", -1), shape(0).length];
    const isLast = axis === -1 || axis === rank - 1;
    if (int("opset", 13) < 13 && !isLast) return refuse("it joins several axes");
    return op.Softmax(x, { axis });
  }),
  "com.microsoft.QLinearAveragePool": pooled(({ op, ints, kept }, x) =>
    op.AveragePool(x, {
      ...kept("auto_pad", "ceil_mode", "count_include_pad", "pads", "strides"),
      kernel_shape: ints("kernel_shape")!,
    }),
  ),
  "com.microsoft.QLinearGlobalAveragePool": pooled(({ op }, x) => op.GlobalAveragePool(x)),
  /** quantize of dequantized operands side by side: (scale, zero point, then three of each operand). */
  "com.microsoft.QLinearConcat": (call) => {
    const count = Math.floor((call.inputs.length - 2) / 3);
    const parts = range(count).map((k) => real(call, 2 + 3 * k));
    return [quantized(call, call.op.Concat(parts, { axis: call.int("axis", 1) }), 0)];
  },
  "com.microsoft.QLinearWhere": (call) => {
    const { to, input } = call;
    return [quantized(call, to.where(input(0), real(call, 1), real(call, 4), "float"), 7)];
  },
  "com.microsoft.MatMulIntegerToFloat": (call) => {
    const a = dequantized(call, { x: 0, from: 2, zero: 4, axis: -2 });
    const b = dequantized(call, { x: 1, from: 3, zero: 5 });
    return [plus(call, call.op.MatMul(a, b), 6)];
  },
  "com.microsoft.DynamicQuantizeMatMul": (call) => {
    const { op, input } = call;
    const b = dequantized(call, { x: 1, from: 2, zero: 3 });
    return [plus(call, op.MatMul(fakeQuantized(call, input(0)), b), 4)];
  },
  "com.microsoft.QAttention": (call) => {
    const float = (x: number) => {
      const value = dequantized(call, { x, from: x + 3, zero: x + 6 });
      return { value, dtype: "float", shape: call.shape(x) };
    };
    return MicrosoftAttention(rewired(call, [float(0), float(1), 2, 5, 8, null]));
  },
  /** An LSTM of weights [directions, features, gates] in 8 bits; what they multiply is rounded too. */
  "com.microsoft.DynamicQuantizeLSTM": (call) => dynamicLstm(call),
};
