import type { fewBits } from "../../passes/gradient/few-bits.ts";
import type { quantizations } from "../../passes/gradient/quantization.ts";
import { uniform } from "../../src/graph/random.ts";
import { at, type Sample, type Samples, single, unary } from "./sample.ts";

/** Rounding that is gone straight through: the differences are those of what it stands for. */
const quantized = (between: string, from = "q", plain = "", to = "x"): Sample =>
  single({
    text: `q = QuantizeLinear(x, s, n) ${between} d = DequantizeLinear(${from}, s, n) y = Mul(d, w)`,
    standsFor: `${plain} y = Mul(${to}, w)`,
    inputs: { x: [3, 3] },
    given: "float s = {0.05}, int8 n = {3}, float[3] w = {1.0, -2.0, 0.5}",
  });

const ofMicrosoft = (zero: string): Sample =>
  single({
    text: "q = com.microsoft.QuantizeLinear(x, s, n) d = com.microsoft.DequantizeLinear(q, s, n) y = Mul(d, w)",
    standsFor: "y = Mul(x, w)",
    inputs: { x: [3, 3] },
    given: `float s = {0.05}, ${zero}, float[3] w = {1.0, -2.0, 0.5}`,
  });

/** An initializer of integers, drawn between two ends. */
const integers = (
  type: string,
  name: string,
  dims: readonly number[],
  low = type === "int8" ? -90 : 20,
  high = type === "int8" ? 90 : 230,
): string => {
  const next = uniform(5, name);
  const count = dims.reduce((a, b) => a * b, 1);
  const values = Array.from({ length: count }, () => Math.round(low + (high - low) * next()));
  return `${type}${dims.length > 0 ? `[${dims}]` : ""} ${name} = {${values}}`;
};

/** x in 8 bits, what is computed of it, and what that stands for. */
const ofEightBits = (
  text: string,
  standsFor: string,
  x: readonly number[],
  given: string,
  more: Partial<Sample> = {},
): Sample =>
  single({
    text: `q = QuantizeLinear(x, xs, xz) ${text}`,
    standsFor,
    inputs: { x },
    given: `float xs = {0.0125}, uint8 xz = {120}, float ys = {0.04}, uint8 yz = {128}, ${given}`,
    ...more,
  });
const Y = "y = DequantizeLinear(c, ys, yz)";

const filters = `${integers("int8", "w", [3, 2, 2, 2])}, float[3] ws = {0.004, 0.006, 0.002}, int8[3] wz = {3, -2, 0}`;
const kernel = "k = DequantizeLinear <axis = 0> (w, ws, wz)";
const matrix = `${integers("int8", "w", [4, 3])}, float ws = {0.005}, int8 wz = {2}`;
const columns = `${integers("int8", "w", [4, 3])}, float[3] ws = {0.005, 0.01, 0.008}, int8[3] wz = {2, 0, -7}`;
/** Written out, because onnxruntime rounds x too where a product reads a DequantizeLinear. */
const dense = "g = Cast <to = 1> (w) h = Cast <to = 1> (wz) d = Sub(g, h) k = Mul(d, ws)";

/** Quantized operators that are lowered before they are differentiated. */
export const loweredQuantized: readonly Sample[] = [
  // Rounding moves the point at which these are not linear: the differences are those of floats.
  ofEightBits(
    'y = com.microsoft.QAttention <num_heads = 2, unidirectional = 1> (q, w, b, xs, ws, "", xz, wz)',
    "k = DequantizeLinear(w, ws, wz) y = com.microsoft.Attention <num_heads = 2, unidirectional = 1> (x, k, b)",
    [2, 3, 4],
    `${integers("int8", "w", [4, 12])}, float ws = {0.01}, int8 wz = {0}, float[12] b`,
  ),
  single({
    text: 'y, h, c = com.microsoft.DynamicQuantizeLSTM <hidden_size = 3, direction = "bidirectional"> (x, w, r, b, "", "", "", "", ws, wz, rs, rz)',
    standsFor:
      'k = DequantizeLinear <axis = 0> (w, ws, wz) l = DequantizeLinear <axis = 0> (r, rs, rz) m = Transpose <perm = [0, 2, 1]> (k) n = Transpose <perm = [0, 2, 1]> (l) y, h, c = LSTM <hidden_size = 3, direction = "bidirectional"> (x, m, n, b)',
    inputs: { x: [3, 2, 3] },
    given: `${integers("int8", "w", [2, 3, 12])}, ${integers("int8", "r", [2, 3, 12])}, float[2] ws = {0.004, 0.006}, int8[2] wz = {0, 0}, float[2] rs = {0.005, 0.003}, int8[2] rz = {0, 0}, float[2, 24] b`,
    of: ["y", "c"],
  }),
  ...at(
    [11, 21],
    ofEightBits(
      `c = QLinearConv <pads = [1, 0, 0, 1]> (q, xs, xz, w, ws, wz, ys, yz, b) ${Y}`,
      `${kernel} y = Conv <pads = [1, 0, 0, 1]> (x, k)`,
      [2, 2, 3, 3],
      `${filters}, ${integers("int32", "b", [3], -900, 900)}`,
    ),
  ).map((sample) =>
    sample.opset === 11
      ? {
          ...sample,
          standsFor: sample.standsFor!.replace(
            kernel,
            "i = Cast <to = 1> (w) z = Cast <to = 1> (wz) zz = Reshape(z, shape) ss = Reshape(ws, shape) d = Sub(i, zz) k = Mul(d, ss)",
          ),
          given: `${sample.given}, int64[4] shape = {3, 1, 1, 1}`,
        }
      : sample,
  ),
  ofEightBits(
    `c = QLinearMatMul(q, xs, xz, w, ws, wz, ys, yz) ${Y}`,
    `${dense} y = MatMul(x, k)`,
    [2, 3, 4],
    columns,
  ),
  ofEightBits(
    `c = com.microsoft.QGemm <transB = 1, alpha = 0.5> (q, xs, xz, w, ws, wz, b, ys, yz) ${Y}`,
    "k = DequantizeLinear <axis = 0> (w, ws, wz) y = Gemm <transB = 1, alpha = 0.5> (x, k)",
    [2, 4],
    `${integers("int8", "w", [3, 4])}, float[3] ws = {0.005, 0.01, 0.008}, int8[3] wz = {2, 0, -7}, ${integers("int32", "b", [3], -900, 900)}`,
  ),
  ofEightBits(
    "y = com.microsoft.MatMulIntegerToFloat(q, w, xs, ws, xz, wz, b)",
    `${dense} y = MatMul(x, k)`,
    [2, 4],
    `${columns}, float[3] b`,
  ),
  single({
    text: "y = com.microsoft.DynamicQuantizeMatMul(x, w, ws, wz, b)",
    standsFor: `${dense} y = MatMul(x, k)`,
    inputs: { x: [2, 4] },
    given: `${columns}, float[3] b`,
  }),
  ofEightBits(
    `c = com.microsoft.QLinearAdd(q, xs, xz, q, xs, xz, ys, yz) ${Y}`,
    "y = Add(x, x)",
    [2, 3],
    "float z = {0.0}",
  ),
  ofEightBits(
    `c = com.microsoft.QLinearSigmoid(q, xs, xz, zs, zz) y = DequantizeLinear(c, zs, zz)`,
    "y = Sigmoid(x)",
    [2, 3],
    "float zs = {0.00390625}, uint8 zz = {0}",
  ),
  ofEightBits(
    `c = com.microsoft.QLinearLeakyRelu <alpha = 0.2> (q, xs, xz, ys, yz) ${Y}`,
    "y = LeakyRelu <alpha = 0.2> (x)",
    [2, 3],
    "float z = {0.0}",
  ),
  ofEightBits(
    "c = com.microsoft.QLinearSoftmax <axis = -1, opset = 13> (q, xs, xz, zs, zz) y = DequantizeLinear(c, zs, zz)",
    "y = Softmax <axis = -1> (x)",
    [2, 3],
    "float zs = {0.00390625}, uint8 zz = {0}",
  ),
  ofEightBits(
    `c = com.microsoft.QLinearAveragePool <kernel_shape = [2, 2], strides = [1, 2], channels_last = 1> (q, xs, xz, ys, yz) ${Y}`,
    "t = Transpose <perm = [0, 3, 1, 2]> (x) p = AveragePool <kernel_shape = [2, 2], strides = [1, 2]> (t) y = Transpose <perm = [0, 2, 3, 1]> (p)",
    [1, 3, 4, 2],
    "float z = {0.0}",
  ),
  ofEightBits(
    `c = com.microsoft.QLinearGlobalAveragePool(q, xs, xz, ys, yz) ${Y}`,
    "y = GlobalAveragePool(x)",
    [1, 2, 3, 3],
    "float z = {0.0}",
  ),
  ofEightBits(
    `c = com.microsoft.QLinearConcat <axis = 1> (ys, yz, q, xs, xz, q, xs, xz) ${Y}`,
    "y = Concat <axis = 1> (x, x)",
    [2, 3],
    "float z = {0.0}",
  ),
  ofEightBits(
    `c = com.microsoft.QLinearWhere(t, q, xs, xz, q, xs, xz, ys, yz) ${Y}`,
    "y = Identity(x)",
    [2, 3],
    "bool[3] t = {1, 0, 1}",
  ),
];

/** Samples of rounding, of integers, and of what is computed with integers. */
export const quantizationSamples: Samples<
  typeof quantizations & Pick<typeof fewBits, "com.microsoft.MatMulBnb4">
> = {
  ConvInteger: [
    single({
      text: "q, s, z = DynamicQuantizeLinear(x) i = ConvInteger <strides = [2, 1], pads = [1, 1, 1, 1], group = 2> (q, w, z, wz) f = Cast <to = 1> (i) t = Mul(s, ws) y = Mul(f, t)",
      standsFor:
        "g = Cast <to = 1> (w) h = Cast <to = 1> (wz) d = Sub(g, h) k = Mul(d, ws) y = Conv <strides = [2, 1], pads = [1, 1, 1, 1], group = 2> (x, k)",
      inputs: { x: [2, 2, 4, 3] },
      given: `${integers("uint8", "w", [4, 1, 3, 3])}, float ws = {0.004}, uint8 wz = {121}`,
    }),
  ],
  DequantizeLinear: [quantized(""), quantized("r = Transpose(q)", "r", "z = Transpose(x)", "z")],
  DynamicQuantizeLinear: [
    single({
      text: "q, s, z = DynamicQuantizeLinear(x) d = DequantizeLinear(q, s, z) y = Mul(d, w)",
      standsFor: "y = Mul(x, w)",
      inputs: { x: [3, 3] },
      given: "float[3] w = {1.0, -2.0, 0.5}",
    }),
  ],
  MatMulInteger: [
    single({
      text: "q, s, z = DynamicQuantizeLinear(x) i = MatMulInteger(q, w, z, wz) f = Cast <to = 1> (i) t = Mul(s, ws) y = Mul(f, t)",
      standsFor: `${dense} y = MatMul(x, k)`,
      inputs: { x: [2, 3, 4] },
      given: matrix,
    }),
    single({
      text: "q, s, z = DynamicQuantizeLinear(x) i = MatMulInteger(q, w, z, wz) f = Cast <to = 1> (i) t = Mul(s, ws) y = Mul(f, t)",
      standsFor: `${dense} y = MatMul(x, k)`,
      inputs: { x: [2, 4] },
      given: columns,
    }),
    // Both operands are rounded, as in a quantized attention.
    single({
      text: "q, s, z = DynamicQuantizeLinear(x) p, t, o = DynamicQuantizeLinear(v) i = MatMulInteger(q, p, z, o) f = Cast <to = 1> (i) u = Mul(s, t) y = Mul(f, u)",
      standsFor: "y = MatMul(x, v)",
      inputs: { x: [2, 3], v: [3, 2] },
    }),
  ],
  // Three rows of 16 in blocks of 32, the last of which is half empty.
  "com.microsoft.MatMulBnb4": [0, 1].map((format) =>
    single(
      unary(
        `y = com.microsoft.MatMulBnb4 <N = 3, K = 16, block_size = 32, quant_type = ${format}> (x, b, s)`,
        [2, 2, 16],
        {
          given: `uint8[24] b = {${Array.from({ length: 24 }, (_, k) => (k * 101 + 7) % 256)}}, float[2] s = {0.7, 1.9}`,
        },
      ),
    ),
  ),
  "com.microsoft.DequantizeLinear": [ofMicrosoft("int8 n = {3}")],
  "com.microsoft.QuantizeLinear": [ofMicrosoft("uint8 n = {128}")],
  QuantizeLinear: [
    ...at([10, 13, 21], quantized("")),
    single({
      text: "q = QuantizeLinear(x, s, n) y = DequantizeLinear(q, s, n)",
      standsFor: "y = Clip(x, low, high)",
      inputs: { x: [3, 4] },
      given: "float s = {0.008}, uint8 n = {128}, float low = {-1.028}, float high = {1.02}",
    }),
    single({
      text: "q = QuantizeLinear <axis = 1> (x, s, n) y = DequantizeLinear <axis = 1> (q, s, n)",
      standsFor: "l = Max(x, low) y = Min(l, high)",
      inputs: { x: [2, 2, 3] },
      given:
        "float[2] s = {0.008, 0.1}, int8[2] n = {-128, 0}, float[2, 1] low = {-0.004, -12.85}, float[2, 1] high = {2.044, 12.75}",
    }),
  ],
};
