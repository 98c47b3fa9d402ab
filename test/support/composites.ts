import { floats, type OneNode, whole } from "./one-node.ts";

const MS = "com.microsoft";
const ms = (op: string, rest: Omit<OneNode, "op">): OneNode => ({ op: `${MS}.${op}`, ...rest });
const x = floats([2, 5, 8]);
const [b8, g8] = [floats([8], "b"), floats([8], "g")];
const image = floats([2, 4, 6, 5]);
const skip = floats([2, 5, 8], "skip");
const norm = { epsilon: { f: 1e-5 } };
const all = [true, false, false, true];
const qkv = [floats([2, 5, 8], "q"), floats([2, 5, 8], "k"), floats([2, 5, 8], "v")];
const cache = (label: string) => floats([2, 2, 3, 4], label);
const heads = { num_heads: 2 };

/** A recurrent operator over 4 steps of 2 rows, all of its outputs asked for. */
function recurrent(
  op: "LSTM" | "GRU" | "RNN",
  direction: "forward" | "reverse" | "bidirectional",
  { lengths, states = false, linear, peepholes, clip, coupled, act, opset = 14 }: Recurrence,
): [string, OneNode] {
  const [count, gates] = [direction === "bidirectional" ? 2 : 1, { LSTM: 4, GRU: 3, RNN: 1 }[op]];
  const small = (dims: number[], label: string) => {
    const { values, ...rest } = floats(dims, label);
    return { ...rest, values: Float64Array.from(values, (value) => value / 2) };
  };
  const state = (label: string) => (states ? floats([count, 2, 5], label) : null);
  const inputs = [
    floats([4, 2, 3]),
    small([count, gates * 5, 3], "W"),
    small([count, gates * 5, 5], "R"),
    small([count, 2 * gates * 5], "B"),
    lengths ? whole("int32", [2], lengths) : null,
    state("h"),
    ...(op === "LSTM" ? [state("c")] : []),
    ...(peepholes ? [floats([count, 15], "P")] : []),
  ];
  const attributes = {
    direction,
    hidden_size: 5,
    ...(linear === undefined ? {} : { linear_before_reset: linear }),
    ...(clip === undefined ? {} : { clip: { f: clip } }),
    ...(coupled ? { input_forget: 1 } : {}),
    ...(act
      ? {
          activations: { s: Array.from({ length: count }, () => act.names).flat() },
          activation_alpha: { f: act.alpha },
          activation_beta: { f: act.beta },
        }
      : {}),
  };
  const outputs = op === "LSTM" ? [true, true, true] : [true, true];
  return [
    `${op}, ${direction}, opset ${opset}${linear ? ", reset after the product" : ""}${peepholes ? ", peepholes" : ""}${clip ? `, clip ${clip}` : ""}${coupled ? ", coupled gates" : ""}${act ? `, ${act.names}` : ""}`,
    { op, inputs, outputs, attributes, opset },
  ];
}

/** A linear attention of 3 steps whose 4 heads of queries share 2 of keys. */
function linearAttention(rule: string, past: boolean): [string, OneNode] {
  const gated = rule.startsWith("gated");
  const delta = rule.endsWith("delta");
  const small = (dims: number[], label: string, shift = 0) => {
    const { values, ...rest } = floats(dims, label);
    return { ...rest, values: Float64Array.from(values, (value) => value / 4 + shift) };
  };
  return [
    `LinearAttention, ${rule}${past ? ", past" : ""}`,
    ms("LinearAttention", {
      inputs: [
        small([2, 3, 20], "q"),
        small([2, 3, 10], "k"),
        floats([2, 3, 12], "v"),
        past ? floats([2, 2, 5, 6], "past") : null,
        gated ? small([2, 3, past ? 10 : 2], "decay", -0.5) : null,
        delta ? small([2, 3, 2], "beta", 0.5) : null,
      ],
      attributes: { q_num_heads: 4, kv_num_heads: 2, update_rule: rule },
      outputs: [true, true],
    }),
  ];
}

/** Bytes that hold numbers of few bits. */
const packed = (label: string, ...dims: number[]) =>
  whole(
    "uint8",
    dims,
    Array.from(floats(dims, label).values, (v) => Math.floor(Math.abs(v) * 997) % 256),
  );

/** A mixture of 3 experts, the first k of each token. */
function experts(
  activation_type: string,
  k: number,
  normalized: boolean,
  more: OneNode["attributes"] = {},
): [string, OneNode] {
  const width = activation_type === "swiglu" ? 8 : 4;
  const inputs = [
    ...[floats([2, 5, 8]), floats([10, 3], "router")],
    ...[floats([3, width, 8], "w"), normalized ? floats([3, width], "b") : null],
    ...[floats([3, 8, 4], "v"), normalized ? floats([3, 8], "c") : null],
  ];
  const normalize_routing_weights = normalized ? 1 : 0;
  const attributes = { activation_type, k, normalize_routing_weights, ...more };
  return [
    `MoE, ${activation_type}${Object.keys(more).length > 1 ? ", limited" : ""}`,
    ms("MoE", { inputs, attributes }),
  ];
}

/** A mixture of 3 experts of few bits, the first 2 of each token. */
function packedExperts(bits: number, block: number | null, zero: boolean): [string, OneNode] {
  const layer = (label: string, out: number, width: number) => {
    const scales = floats([3, out, ...(block === null ? [] : [width / block])], `${label} scales`);
    return [
      packed(label, 3, out, (width * bits) / 8),
      { ...scales, values: Float64Array.from(scales.values, (value) => value / 2 ** (bits + 5)) },
      floats([3, out], `${label} bias`),
    ];
  };
  const zeros = (label: string, out: number, width: number) =>
    packed(label, 3, ...(block === null ? [(out * bits) / 8] : [out, (width / block / 8) * bits]));
  const inputs = [
    ...[floats([10, 64]), floats([10, 3], "router")],
    ...[...layer("w", 64, 64), ...layer("v", 64, 32), null, null, null],
    ...(zero ? [zeros("w0", 64, 64), zeros("v0", 64, 32)] : []),
  ];
  const attributes = {
    ...{ activation_type: "swiglu", swiglu_fusion: 1, k: 2, expert_weight_bits: bits },
    ...(block === null ? {} : { block_size: block }),
  };
  return [
    `QMoE of ${bits} bits${block ? `, in blocks of ${block}` : ""}${zero ? ", zero points" : ""}`,
    ms("QMoE", { inputs, attributes }),
  ];
}

/** A causal depthwise convolution of 4 channels with 3 taps. */
const causalConvolution = (activation: string, past: boolean): [string, OneNode] => [
  `CausalConvWithState, ${activation}${past ? ", past and bias" : ""}`,
  ms("CausalConvWithState", {
    inputs: [
      floats([2, 4, 5]),
      floats([4, 1, 3], "w"),
      past ? floats([4], "b") : null,
      past ? floats([2, 4, 2], "past") : null,
    ],
    attributes: { activation },
    outputs: [true, true],
  }),
];

/** A product with a weight of few bits: 3 outputs of 40 elements, the last block half empty. */
function fewBits(
  bits: number,
  zero: "none" | "packed" | "floats",
  bias = false,
): [string, OneNode] {
  const [n, k, block] = [3, 40, 16];
  const blocks = Math.ceil(k / block);
  const rows = Math.ceil((blocks * bits) / 8);
  const zeros = {
    none: null,
    packed: packed("zeros", n * rows),
    floats: floats([n * blocks], "zeros"),
  }[zero];
  const inputs = [
    floats([2, 5, k]),
    packed("levels", n, blocks, (block * bits) / 8),
    floats([n * blocks], "scales"),
    zeros,
    ...(bias ? [null, floats([n], "bias")] : []),
  ];
  const attributes = { K: k, N: n, bits, block_size: block };
  return [
    `MatMulNBits of ${bits} bits, zero points ${zero}${bias ? ", bias" : ""}`,
    ms("MatMulNBits", { inputs, attributes }),
  ];
}

interface Recurrence {
  readonly lengths?: readonly number[];
  readonly states?: boolean;
  readonly linear?: number;
  readonly peepholes?: boolean;
  readonly clip?: number;
  readonly coupled?: boolean;
  /** Its activations in each direction, and the parameters of all. */
  readonly act?: {
    readonly names: readonly string[];
    readonly alpha: readonly number[];
    readonly beta: readonly number[];
  };
  readonly opset?: number;
}

/** Calls of composite operators for which onnxruntime's CPU has kernels, over their attributes. */
export const composites: readonly [string, OneNode][] = [
  fewBits(4, "none"),
  fewBits(4, "packed"),
  fewBits(4, "floats"),
  fewBits(4, "packed", true),
  fewBits(8, "packed"),
  ["Gelu", ms("Gelu", { inputs: [x] })],
  ["Gelu, opset 9", ms("Gelu", { inputs: [x], opset: 9 })],
  ["BiasGelu", ms("BiasGelu", { inputs: [x, b8] })],
  ["FastGelu", ms("FastGelu", { inputs: [x] })],
  ["FastGelu with bias, opset 7", ms("FastGelu", { inputs: [x, b8], opset: 7 })],
  ["QuickGelu", ms("QuickGelu", { inputs: [x] })],
  ["QuickGelu, alpha 1", ms("QuickGelu", { inputs: [x], attributes: { alpha: { f: 1 } } })],
  [
    "FusedMatMul",
    ms("FusedMatMul", { inputs: [x, floats([8, 3])], attributes: { alpha: { f: 0.25 } } }),
  ],
  ...[0, 1].flatMap((a) =>
    [0, 1].map((b): [string, OneNode] => [
      `FusedMatMul, transA ${a} transB ${b}`,
      ms("FusedMatMul", {
        inputs: [floats(a ? [2, 8, 5] : [2, 5, 8]), floats(b ? [2, 3, 8] : [2, 8, 3])],
        attributes: { transA: a, transB: b },
      }),
    ]),
  ),
  ...[0, 1].map((a): [string, OneNode] => [
    `FusedMatMul, transBatchA, transA ${a}`,
    ms("FusedMatMul", {
      inputs: [floats(a ? [8, 2, 3, 5] : [5, 2, 3, 8]), floats([2, 3, 8, 4])],
      attributes: { transBatchA: 1, transA: a },
    }),
  ]),
  [
    "FusedMatMul, transBatchB, transB",
    ms("FusedMatMul", {
      inputs: [floats([3, 5, 8]), floats([4, 3, 8])],
      attributes: { transBatchB: 1, transB: 1 },
    }),
  ],
  [
    "TransposeMatMul",
    ms("TransposeMatMul", {
      inputs: [floats([2, 8, 5]), floats([2, 8, 3])],
      attributes: { transA: 1 },
    }),
  ],
  ...[
    "Relu",
    "Sigmoid",
    "Tanh",
    "LeakyRelu",
    "Softplus",
    "Softsign",
    "Elu",
    "HardSigmoid",
    "Selu",
  ].map((activation): [string, OneNode] => [
    `FusedGemm, ${activation}`,
    ms("FusedGemm", {
      inputs: [floats([5, 8]), floats([3, 8]), floats([3])],
      attributes: {
        activation,
        transB: 1,
        beta: { f: 0.5 },
        ...(["LeakyRelu", "Elu", "HardSigmoid"].includes(activation)
          ? { activation_alpha: { f: 0.3 } }
          : {}),
        ...(activation === "HardSigmoid" ? { activation_beta: { f: 0.4 } } : {}),
        ...(activation === "Selu"
          ? { activation_alpha: { f: 1.6 }, activation_gamma: { f: 1.05 } }
          : {}),
      },
    }),
  ]),
  ...(
    [
      ["Relu", []],
      ["Sigmoid", []],
      ["Tanh", []],
      ["LeakyRelu", [0.1]],
      ["Clip", [-0.5, 0.5]],
      ["HardSigmoid", [0.2, 0.5]],
    ] as const
  ).flatMap(([activation, parameters]) =>
    [17, 7].map((opset): [string, OneNode] => [
      `FusedConv with Z, ${activation}, opset ${opset}`,
      ms("FusedConv", {
        inputs: [image, floats([6, 2, 3, 3]), floats([6]), floats([2, 6, 3, 3])],
        attributes: {
          activation,
          ...(parameters.length > 0 ? { activation_params: { f: parameters } } : {}),
          group: 2,
          pads: [1, 1, 1, 1],
          strides: [2, 2],
          kernel_shape: [3, 3],
        },
        opset,
      }),
    ]),
  ),
  [
    "FusedConv without activation",
    ms("FusedConv", { inputs: [image, floats([6, 4, 1, 1]), null, floats([2, 6, 6, 5])] }),
  ],
  ...[7, 13, 17, 23].flatMap((opset): [string, OneNode][] => [
    [
      `SkipLayerNormalization, opset ${opset}`,
      ms("SkipLayerNormalization", {
        inputs: [x, skip, g8, b8, floats([8])],
        attributes: norm,
        outputs: all,
        opset,
      }),
    ],
    [
      `SkipSimplifiedLayerNormalization, opset ${opset}`,
      ms("SkipSimplifiedLayerNormalization", {
        inputs: [x, skip, g8, b8],
        attributes: norm,
        outputs: all,
        opset,
      }),
    ],
    [
      `SimplifiedLayerNormalization, opset ${opset}`,
      {
        op: "SimplifiedLayerNormalization",
        inputs: [x, g8],
        outputs: [true, true],
        attributes: { ...norm, stash_type: 1 },
        opset,
      },
    ],
  ]),
  ...[12, 17].map((opset): [string, OneNode] => [
    `EmbedLayerNormalization, opset ${opset}${opset === 12 ? ", counts" : ""}`,
    ms("EmbedLayerNormalization", {
      inputs: [
        whole("int32", [2, 3], [1, 0, 6, 2, 2, 5]),
        whole("int32", [2, 3], [0, 1, 1, 0, 0, 1]),
        floats([7, 8]),
        floats([5, 8]),
        floats([2, 8]),
        g8,
        b8,
        whole("int32", [2, 3], [1, 1, 0, 1, 1, 1]),
      ],
      attributes: norm,
      outputs: [true, opset === 12, true],
      opset,
    }),
  ]),
  ["SkipLayerNormalization without beta", ms("SkipLayerNormalization", { inputs: [x, skip, g8] })],
  [
    "SkipLayerNormalization, one skip for the batch",
    ms("SkipLayerNormalization", { inputs: [x, floats([1, 5, 8]), g8, b8], attributes: norm }),
  ],
  [
    "SkipLayerNormalization, half precision",
    ms("SkipLayerNormalization", {
      inputs: [
        floats([2, 5, 8], "", "float16"),
        floats([2, 5, 8], "s", "float16"),
        floats([8], "g", "float16"),
        floats([8], "b", "float16"),
      ],
      attributes: norm,
      outputs: all,
    }),
  ],
  [
    "SkipSimplifiedLayerNormalization, half precision",
    ms("SkipSimplifiedLayerNormalization", {
      inputs: [
        floats([2, 5, 8], "", "float16"),
        floats([2, 5, 8], "s", "float16"),
        floats([8], "g", "float16"),
      ],
      attributes: norm,
      outputs: all,
    }),
  ],
  [
    "SimplifiedLayerNormalization of two axes",
    {
      op: "SimplifiedLayerNormalization",
      inputs: [x, floats([5, 8])],
      attributes: { axis: 1, stash_type: 1 },
    },
  ],
  ["Attention", ms("Attention", { inputs: [x, floats([8, 24]), floats([24])], attributes: heads })],
  [
    "Attention, unidirectional, opset 11",
    ms("Attention", {
      inputs: [x, floats([8, 24]), floats([24])],
      attributes: { ...heads, unidirectional: 1 },
      opset: 11,
    }),
  ],
  [
    "Attention, scale, values of another size",
    ms("Attention", {
      inputs: [x, floats([8, 28]), floats([28])],
      attributes: { ...heads, scale: { f: 0.3 }, qkv_hidden_sizes: [8, 8, 12] },
    }),
  ],
  [
    "Attention, mask of lengths",
    ms("Attention", {
      inputs: [x, floats([8, 24]), floats([24]), whole("int32", [2], [3, 5])],
      attributes: heads,
    }),
  ],
  [
    "Attention, mask of ends and begins",
    ms("Attention", {
      inputs: [x, floats([8, 24]), floats([24]), whole("int32", [4], [5, 4, 2, 0])],
      attributes: heads,
    }),
  ],
  [
    "Attention, mask of keys, unidirectional",
    ms("Attention", {
      inputs: [
        x,
        floats([8, 24]),
        floats([24]),
        whole("int32", [2, 5], [1, 1, 1, 0, 0, 1, 1, 1, 1, 1]),
      ],
      attributes: { ...heads, unidirectional: 1 },
    }),
  ],
  [
    "Attention, mask for each query, filter value",
    ms("Attention", {
      inputs: [
        x,
        floats([8, 24]),
        floats([24]),
        whole(
          "int32",
          [2, 5, 5],
          Array.from({ length: 50 }, (_, k) => Number(k % 7 !== 3)),
        ),
      ],
      attributes: { ...heads, mask_filter_value: { f: -50 } },
    }),
  ],
  [
    "Attention, past, unidirectional",
    ms("Attention", {
      inputs: [x, floats([8, 24]), floats([24]), null, floats([2, 2, 2, 3, 4])],
      attributes: { ...heads, unidirectional: 1 },
      outputs: [true, true],
    }),
  ],
  [
    "Attention, bias of scores",
    ms("Attention", {
      inputs: [x, floats([8, 24]), floats([24]), null, null, floats([1, 2, 5, 5])],
      attributes: { ...heads },
    }),
  ],
  ["MultiHeadAttention", ms("MultiHeadAttention", { inputs: qkv, attributes: heads })],
  [
    "MultiHeadAttention, bias, unidirectional",
    ms("MultiHeadAttention", {
      inputs: [...qkv, floats([24])],
      attributes: { ...heads, unidirectional: 1 },
    }),
  ],
  [
    "MultiHeadAttention, other length, mask of keys",
    ms("MultiHeadAttention", {
      inputs: [
        qkv[0],
        floats([2, 7, 8], "k"),
        floats([2, 7, 8], "v"),
        floats([24]),
        whole("int32", [2, 7], [1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0]),
      ],
      attributes: heads,
    }),
  ],
  [
    "MultiHeadAttention, scores' bias, scale",
    ms("MultiHeadAttention", {
      inputs: [...qkv, null, null, floats([1, 2, 5, 5])],
      attributes: { ...heads, scale: { f: 0.7 } },
    }),
  ],
  [
    "MultiHeadAttention, past",
    ms("MultiHeadAttention", {
      inputs: [...qkv, null, null, null, cache("pk"), cache("pv")],
      attributes: heads,
      outputs: [true, true, true],
    }),
  ],
  [
    "MultiHeadAttention, keys in heads",
    ms("MultiHeadAttention", {
      inputs: [qkv[0], floats([2, 2, 7, 4], "k"), floats([2, 2, 7, 4], "v")],
      attributes: heads,
    }),
  ],
  [
    "MultiHeadAttention, values of another size",
    ms("MultiHeadAttention", {
      inputs: [qkv[0], qkv[1], floats([2, 5, 12]), floats([28])],
      attributes: heads,
    }),
  ],
  [
    "RotaryEmbedding of com.microsoft",
    ms("RotaryEmbedding", {
      inputs: [
        floats([2, 5, 16]),
        whole("int64", [2, 5], [0, 1, 2, 3, 4, 3, 4, 5, 6, 7]),
        floats([10, 4], "cos"),
        floats([10, 4], "sin"),
      ],
      attributes: {},
    }),
  ],
  [
    "RotaryEmbedding of com.microsoft, interleaved, by offset",
    ms("RotaryEmbedding", {
      inputs: [
        floats([2, 2, 5, 8]),
        whole("int64", [1], [2]),
        floats([10, 4], "cos"),
        floats([10, 4], "sin"),
      ],
      attributes: { interleaved: 1 },
    }),
  ],
  [
    "RotaryEmbedding of com.microsoft, part of a head",
    ms("RotaryEmbedding", {
      inputs: [
        floats([2, 5, 16]),
        whole("int64", [1], [2]),
        floats([10, 2], "cos"),
        floats([10, 2], "sin"),
      ],
      attributes: { num_heads: 2, rotary_embedding_dim: 4 },
    }),
  ],
  [
    "RotaryEmbedding",
    {
      op: "RotaryEmbedding",
      inputs: [
        floats([2, 5, 16]),
        floats([10, 4], "cos"),
        floats([10, 4], "sin"),
        whole("int64", [2, 5], [0, 1, 2, 3, 4, 3, 4, 5, 6, 7]),
      ],
      attributes: heads,
      opset: 23,
    },
  ],
  [
    "RotaryEmbedding, no positions, interleaved",
    {
      op: "RotaryEmbedding",
      inputs: [floats([2, 2, 5, 8]), floats([2, 5, 4], "cos"), floats([2, 5, 4], "sin")],
      attributes: { interleaved: 1 },
      opset: 23,
    },
  ],
  [
    "Attention of ai.onnx",
    { op: "Attention", inputs: qkv, attributes: { q_num_heads: 2, kv_num_heads: 2 }, opset: 23 },
  ],
  [
    "Attention of ai.onnx, causal, shared heads, softcap",
    {
      op: "Attention",
      inputs: [floats([2, 4, 5, 8]), floats([2, 2, 5, 8], "k"), floats([2, 2, 5, 8], "v")],
      attributes: { is_causal: 1, softcap: { f: 2 }, scale: { f: 0.4 } },
      opset: 23,
    },
  ],
  [
    "Attention of ai.onnx, past, causal, mask",
    {
      op: "Attention",
      inputs: [...qkv, floats([5, 8]), cache("pk"), cache("pv")],
      attributes: { q_num_heads: 2, kv_num_heads: 2, is_causal: 1 },
      outputs: [true, true, true],
      opset: 23,
    },
  ],
  ...[0, 1, 2, 3].map((mode): [string, OneNode] => [
    `Attention of ai.onnx, mask of bool, scores of mode ${mode}`,
    {
      op: "Attention",
      inputs: [
        ...qkv,
        whole(
          "bool",
          [5, 5],
          Array.from({ length: 25 }, (_, k) => Number(k % 6 !== 3)),
        ),
      ],
      attributes: {
        q_num_heads: 2,
        kv_num_heads: 2,
        qk_matmul_output_mode: mode,
        softcap: { f: 1.5 },
      },
      outputs: [true, false, false, true],
      opset: 24,
    },
  ]),
  ...[
    [7, 3],
    [18, 5],
  ].map(([opset, size]): [string, OneNode] => [
    `LRN of ${size} channels, opset ${opset}`,
    {
      op: "LRN",
      inputs: [floats([2, 6, 3, 3])],
      attributes: { size, alpha: { f: 0.3 }, beta: { f: 0.6 }, bias: { f: 1.2 } },
      opset,
    },
  ]),
  ...[9, 18].map((opset): [string, OneNode] => [
    `MeanVarianceNormalization, opset ${opset}`,
    { op: "MeanVarianceNormalization", inputs: [floats([2, 3, 4, 4])], opset },
  ]),
  [
    "MeanVarianceNormalization of one axis",
    { op: "MeanVarianceNormalization", inputs: [x], attributes: { axes: [1] } },
  ],
  recurrent("LSTM", "forward", { opset: 7 }),
  recurrent("LSTM", "bidirectional", { lengths: [4, 2], states: true }),
  recurrent("GRU", "reverse", {}),
  recurrent("GRU", "bidirectional", { lengths: [3, 4], linear: 1 }),
  recurrent("RNN", "reverse", { states: true, opset: 22 }),
  recurrent("LSTM", "bidirectional", { states: true, peepholes: true }),
  recurrent("LSTM", "reverse", { peepholes: true, clip: 0.9, lengths: [4, 2] }),
  recurrent("LSTM", "forward", { coupled: true, clip: 1.1, states: true }),
  recurrent("GRU", "forward", { clip: 0.75 }),
  recurrent("LSTM", "bidirectional", {
    act: {
      names: ["HardSigmoid", "LeakyRelu", "ScaledTanh"],
      alpha: [0.3, 0.2, 1.5, 0.25, 0.1, 1.25],
      beta: [0.4, 0.7, 0.5, 0.75],
    },
  }),
  recurrent("GRU", "forward", {
    act: { names: ["HardSigmoid", "Affine"], alpha: [0.3, 0.5], beta: [0.4, 0.1] },
  }),
  recurrent("GRU", "reverse", { clip: 0.6, linear: 1, opset: 22 }),
  recurrent("RNN", "bidirectional", { clip: 0.5, opset: 7 }),
  [
    "GroupQueryAttention, prompt",
    ms("GroupQueryAttention", {
      inputs: [
        floats([2, 5, 32]),
        floats([2, 5, 16], "k"),
        floats([2, 5, 16], "v"),
        floats([2, 2, 0, 8]),
        floats([2, 2, 0, 8]),
        whole("int32", [2], [4, 4]),
        whole("int32", [], [5]),
      ],
      attributes: { num_heads: 4, kv_num_heads: 2 },
      outputs: [true, true, true],
    }),
  ],
  [
    "GroupQueryAttention, packed, rotated, past",
    ms("GroupQueryAttention", {
      inputs: [
        floats([2, 1, 128]),
        null,
        null,
        floats([2, 2, 3, 16], "pk"),
        floats([2, 2, 3, 16], "pv"),
        whole("int32", [2], [3, 3]),
        whole("int32", [], [4]),
        floats([16, 8], "cos"),
        floats([16, 8], "sin"),
      ],
      attributes: { num_heads: 4, kv_num_heads: 2, do_rotary: 1 },
      outputs: [true, true, true],
    }),
  ],
  [
    "GroupQueryAttention, window, softcap, interleaved",
    ms("GroupQueryAttention", {
      inputs: [
        floats([2, 5, 64]),
        floats([2, 5, 32], "k"),
        floats([2, 5, 32], "v"),
        floats([2, 2, 0, 16]),
        floats([2, 2, 0, 16]),
        whole("int32", [2], [4, 4]),
        whole("int32", [], [5]),
        floats([16, 8], "cos"),
        floats([16, 8], "sin"),
      ],
      attributes: {
        num_heads: 4,
        kv_num_heads: 2,
        do_rotary: 1,
        rotary_interleaved: 1,
        local_window_size: 2,
        softcap: { f: 3 },
        scale: { f: 0.5 },
      },
      outputs: [true, true, true],
    }),
  ],
  ...["linear", "gated", "delta", "gated_delta"].flatMap((rule) =>
    [false, true].map((past) => linearAttention(rule, past)),
  ),
  ...["none", "silu"].flatMap((activation) =>
    [false, true].map((past) => causalConvolution(activation, past)),
  ),
  ["GatedAdd", ms("GatedAdd", { inputs: [x, skip, floats([2, 5, 1], "gate")] })],
  [
    "GatedRMSNorm, two pieces",
    ms("GatedRMSNorm", { inputs: [x, floats([4], "g"), skip], attributes: norm }),
  ],
  [
    "LinearAttentionGate",
    ms("LinearAttentionGate", { inputs: [x, b8, g8, skip], outputs: [true, true] }),
  ],
  ...["relu", "gelu", "silu", "identity"].map((act, k) => experts(act, 1 + (k % 2), k < 2)),
  experts("swiglu", 2, true, { swiglu_fusion: 1 }),
  packedExperts(4, null, false),
  packedExperts(8, null, true),
  packedExperts(4, 16, true),
  packedExperts(8, 16, false),
  packedExperts(8, 32, true),
  experts("swiglu", 2, false, {
    ...{ swiglu_fusion: 1, swiglu_limit: { f: 1.5 } },
    ...{ activation_alpha: { f: 1.7 }, activation_beta: { f: 1 } },
  }),
  [
    "SoftmaxCrossEntropyLoss, weighted, log_prob",
    {
      op: "SoftmaxCrossEntropyLoss",
      inputs: [
        floats([4, 3, 2]),
        whole("int64", [4, 2], [0, 2, 1, 1, -1, 0, 2, 2]),
        floats([3], "w"),
      ],
      attributes: { ignore_index: -1 },
      outputs: [true, true],
    },
  ],
  ...["none", "sum", "mean"].map((reduction): [string, OneNode] => [
    `NegativeLogLikelihoodLoss, ${reduction}`,
    {
      op: "NegativeLogLikelihoodLoss",
      inputs: [floats([4, 3]), whole("int64", [4], [0, 2, 1, 1])],
      attributes: { reduction },
    },
  ]),
];
