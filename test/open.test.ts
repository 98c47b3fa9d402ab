import { openModel } from "laurelize";
import onnxProto from "onnx-proto";
import type { Tensor } from "onnxruntime-common";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { canLower, lowering } from "../passes/lower/index.ts";
import { compareTensors, ulp } from "../src/compare/difference.ts";
import { buildGraph } from "../src/graph/build.ts";
import { applyPatch } from "../src/graph/patch.ts";
import { encodeNumbers } from "../src/graph/tensor.ts";
import { inferTypes } from "../src/infer/infer-types.ts";
import { openBytes } from "../src/onnx/open-file.ts";
import { dtypeOf, tensorOfBytes } from "../src/ort/tensors.ts";
import { composites } from "./support/composites.ts";
import { fixture } from "./support/fixture.ts";
import { dataOfNode, floats, modelOfNode, type OneNode, whole } from "./support/one-node.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { sessionOn } from "./support/session.ts";

async function run(model: Uint8Array, node: OneNode) {
  const session = await sessionOn(model, {
    graphOptimizationLevel: "disabled",
    logSeverityLevel: 4,
    // With prepared weights, QMoE of 8 bits in blocks rounds activations to 8 bits.
    extra: { session: { disable_prepacking: "1" } },
  });
  const feeds = dataOfNode(node).map(({ name, dtype, data, dims }) => [
    name,
    tensorOfBytes(ort, dtype, data, dims),
  ]);
  const got = await session.run(Object.fromEntries(feeds) as Record<string, Tensor>);
  await session.release();
  return got;
}

async function opened(bytes: Uint8Array) {
  const graph = buildGraph(openBytes(bytes));
  const { types } = await inferTypes(ort, graph);
  const { nodes } = graph.main;
  expect(nodes.every(canLower)).toBe(true);
  const { source } = await applyPatch(graph, lowering(graph, types, nodes).patch);
  return source.read(0, source.size);
}

const operators = async (bytes: Uint8Array) =>
  (await openModel(bytes)).graph.main.nodes.map(({ op }) => op);

/** ULP of an output's largest magnitude that a composite kernel and plain ones may be apart. */
const APART = 64;

describe("a composite operator, and the plain ones it is lowered to", () => {
  it.each(composites)("%s", async (_, node) => {
    const bytes = modelOfNode(node);
    const plain = await opened(bytes);
    expect(await operators(plain)).not.toContain(node.op);
    const [before, after] = [await run(bytes, node), await run(plain, node)];
    expect(Object.keys(after)).toEqual(Object.keys(before));
    for (const [name, tensor] of Object.entries(before)) {
      const { absolute, magnitude } = compareTensors(tensor, after[name]);
      expect(absolute, name).toBeLessThanOrEqual(APART * ulp(magnitude, dtypeOf(tensor)));
      expect(magnitude, name).toBeGreaterThan(0);
    }
  });
});

describe("quantized operators", () => {
  const integers = (dtype: string, label: string) => {
    const low = dtype === "int8" ? -128 : 0;
    const { values } = floats([2, 3, 8], label);
    return whole(
      dtype,
      [2, 3, 8],
      Array.from(values, (value) => low + Math.floor(128 + 40 * value)),
    );
  };
  it.each(
    ["QLinearAdd", "QLinearMul"].flatMap((op) =>
      ["uint8", "int8"].map((dtype) => [op, dtype] as const),
    ),
  )("%s of %s: at most one quantum apart", async (op, dtype) => {
    const scale = (value: number) => whole("float", [], [value]);
    const zero = (value: number) => whole(dtype, [], [value]);
    const node: OneNode = {
      op: `com.microsoft.${op}`,
      inputs: [
        integers(dtype, "a"),
        scale(0.02),
        zero(3),
        integers(dtype, "b"),
        scale(0.03),
        zero(5),
        scale(0.05),
        zero(7),
      ],
    };
    const bytes = modelOfNode(node);
    const plain = await opened(bytes);
    const [{ o0: before }, { o0: after }] = [await run(bytes, node), await run(plain, node)];
    expect(after.type).toBe(before.type);
    expect(new Set(before.data as Int8Array).size).toBeGreaterThan(10);
    expect(compareTensors(before, after).absolute).toBeLessThanOrEqual(1);
  });
});

describe("further quantized operators: at most one quantum apart, or rounding of float32", () => {
  const integers = (dtype: string, dims: readonly number[], label: string, spread = 40) => {
    const low = { int8: -128, uint8: 0, int32: -128 }[dtype]!;
    const { values } = floats(dims, label);
    return whole(
      dtype,
      dims,
      Array.from(values, (v) => low + Math.floor(128 + spread * v)),
    );
  };
  const scale = (value: number) => whole("float", [], [value]);
  const scales = (...values: number[]) => whole("float", [values.length], values);
  const zero = (dtype: string, ...values: number[]) =>
    whole(dtype, values.length === 1 ? [] : [values.length], values);
  const x = (...dims: number[]) => [integers("uint8", dims, "x"), scale(0.02), zero("uint8", 121)];
  const y = [scale(0.05), zero("uint8", 130)];
  const image = x(1, 2, 5, 4);
  const filters = [
    integers("int8", [4, 1, 3, 2], "w"),
    scales(0.004, 0.01, 0.02, 0.003),
    zero("int8", 0, 3, -2, 1),
  ];
  const matrix = [integers("int8", [4, 3], "w"), scales(0.01, 0.02, 0.03), zero("int8", 1, 0, -3)];
  const conv = { pads: [1, 0, 1, 1], strides: [2, 1], group: 2 };
  const ms = (name: string) => `com.microsoft.${name}`;
  const cases: readonly [string, OneNode][] = [
    [
      "QLinearConv",
      {
        op: "QLinearConv",
        inputs: [...image, ...filters, ...y, integers("int32", [4], "b", 300)],
        attributes: conv,
      },
    ],
    [
      "QLinearConv, opset 11",
      { op: "QLinearConv", inputs: [...image, ...filters, ...y], attributes: conv, opset: 11 },
    ],
    [
      "QLinearConv of channels last",
      {
        op: ms("QLinearConv"),
        inputs: [...x(1, 5, 4, 2), ...filters, ...y],
        attributes: { ...conv, channels_last: 1 },
      },
    ],
    ["QLinearMatMul", { op: "QLinearMatMul", inputs: [...x(2, 3, 4), ...matrix, ...y] }],
    [
      "QGemm",
      {
        op: ms("QGemm"),
        inputs: [...x(2, 4), ...matrix, integers("int32", [3], "c", 200), ...y],
        attributes: { alpha: { f: 0.7 } },
      },
    ],
    ["QGemm to float", { op: ms("QGemm"), inputs: [...x(2, 4), ...matrix, null, null, null] }],
    [
      "QLinearSigmoid",
      { op: ms("QLinearSigmoid"), inputs: [...x(3, 4), scale(1 / 256), zero("uint8", 0)] },
    ],
    [
      "QLinearLeakyRelu",
      { op: ms("QLinearLeakyRelu"), inputs: [...x(3, 4), ...y], attributes: { alpha: { f: 0.2 } } },
    ],
    [
      "QLinearSoftmax",
      {
        op: ms("QLinearSoftmax"),
        inputs: [...x(3, 4), scale(1 / 256), zero("uint8", 0)],
        attributes: { axis: 1, opset: 13 },
      },
    ],
    [
      "QLinearAveragePool",
      {
        op: ms("QLinearAveragePool"),
        inputs: [...image, ...y],
        attributes: { kernel_shape: [2, 2], pads: [1, 0, 0, 1], count_include_pad: 1 },
      },
    ],
    ["QLinearGlobalAveragePool", { op: ms("QLinearGlobalAveragePool"), inputs: [...image, ...y] }],
    [
      "QLinearConcat",
      {
        op: ms("QLinearConcat"),
        inputs: [
          ...y,
          ...x(2, 3),
          integers("uint8", [2, 2], "other"),
          scale(0.03),
          zero("uint8", 99),
        ],
        attributes: { axis: 1 },
      },
    ],
    [
      "QLinearWhere",
      {
        op: ms("QLinearWhere"),
        inputs: [
          whole("bool", [4], [1, 0, 1, 0]),
          ...x(3, 4),
          integers("uint8", [3, 4], "other"),
          scale(0.03),
          zero("uint8", 99),
          ...y,
        ],
      },
    ],
    [
      "MatMulIntegerToFloat",
      {
        op: ms("MatMulIntegerToFloat"),
        inputs: [
          integers("uint8", [2, 4], "x"),
          matrix[0],
          scale(0.02),
          matrix[1],
          zero("uint8", 121),
          matrix[2],
          floats([3], "bias"),
        ],
      },
    ],
    [
      "DynamicQuantizeMatMul",
      { op: ms("DynamicQuantizeMatMul"), inputs: [floats([2, 4]), ...matrix, floats([3], "bias")] },
    ],
    [
      "QAttention",
      {
        op: ms("QAttention"),
        inputs: [
          integers("uint8", [2, 3, 4], "x"),
          integers("int8", [4, 12], "w"),
          floats([12], "bias"),
          scale(0.02),
          scale(0.01),
          null,
          zero("uint8", 121),
          zero("int8", 0),
        ],
        attributes: { num_heads: 2, unidirectional: 1 },
      },
    ],
    [
      "DynamicQuantizeLSTM",
      {
        op: ms("DynamicQuantizeLSTM"),
        inputs: [
          floats([4, 2, 3]),
          integers("int8", [2, 3, 20], "w"),
          integers("int8", [2, 5, 20], "r"),
          floats([2, 40], "bias"),
          null,
          null,
          null,
          null,
          scales(0.004, 0.006),
          zero("int8", 0, 0),
          scales(0.005, 0.003),
          zero("int8", 0, 0),
        ],
        outputs: [true, true, true],
        attributes: { hidden_size: 5, direction: "bidirectional" },
      },
    ],
  ];
  it.each(cases)("%s", async (_, node) => {
    const bytes = modelOfNode(node);
    const plain = await opened(bytes);
    const [before, after] = [await run(bytes, node), await run(plain, node)];
    for (const [name, tensor] of Object.entries(before)) {
      expect(after[name].type).toBe(tensor.type);
      expect(new Set(tensor.data as Int8Array).size).toBeGreaterThan(1);
      const quantum = tensor.type === "float32" ? 1e-5 : 1;
      expect(compareTensors(tensor, after[name]).absolute).toBeLessThanOrEqual(quantum);
    }
  });
});

describe("operators for which onnxruntime's CPU has no kernel, against their formulas", () => {
  const [N, H, W, C] = [2, 3, 4, 6];
  const erf = (z: number) => {
    let [sum, term] = [z, z];
    for (let n = 1; n < 80; n++) {
      term *= (-z * z) / n;
      sum += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  };
  const gelu = (z: number) => (z / 2) * (1 + erf(z / Math.SQRT2));
  const held = async (node: OneNode, formulas: readonly Float64Array[]) => {
    const got = Object.values(await run(await opened(modelOfNode(node)), node));
    expect(got.length).toBe(formulas.length);
    for (const [k, formula] of formulas.entries()) {
      const { data } = got[k] as { data: Float32Array };
      expect(data.length).toBe(formula.length);
      for (const [at, value] of formula.entries()) expect(data[at]).toBeCloseTo(value, 5);
    }
  };
  const x = floats([N, H, W, C], "x");
  const skip = floats([N, H, W, C], "skip");
  const [gamma, beta, bias] = ["gamma", "beta", "bias"].map((label) => floats([C], label));
  const norm = (sums: Float64Array, groups: number, silu: boolean) => {
    const width = C / groups;
    const y = new Float64Array(sums.length);
    for (let n = 0; n < N; n++)
      for (let g = 0; g < groups; g++) {
        const places = Array.from(
          { length: H * W * width },
          (_, k) => (n * H * W + Math.floor(k / width)) * C + g * width + (k % width),
        );
        const mean = places.reduce((sum, at) => sum + sums[at], 0) / places.length;
        const square = places.reduce((sum, at) => sum + (sums[at] - mean) ** 2, 0) / places.length;
        for (const at of places) {
          const z =
            ((sums[at] - mean) / Math.sqrt(square + 1e-5)) * gamma.values[at % C] +
            beta.values[at % C];
          y[at] = silu ? z / (1 + Math.exp(-z)) : z;
        }
      }
    return y;
  };

  it.each([
    [1, 0],
    [3, 1],
  ])("GroupNorm, groups %i, activation %i", (groups, activation) =>
    held(
      {
        op: "com.microsoft.GroupNorm",
        inputs: [x, gamma, beta],
        attributes: { groups, activation, epsilon: { f: 1e-5 } },
      },
      [norm(Float64Array.from(x.values), groups, activation === 1)],
    ),
  );

  it.each([
    ["a skip of its own shape", [N, H, W, C]],
    ["one skip for all places", [N, 1, 1, C]],
    ["one skip for all places, two axes", [N, C]],
  ])("SkipGroupNorm, %s", async (_, dims) => {
    const added = floats(dims, "skip");
    const whole = dims.length === 4 && dims[1] === H;
    const sums = Float64Array.from(
      { length: N * H * W * C },
      (_, at) =>
        x.values[at] +
        bias.values[at % C] +
        added.values[whole ? at : Math.floor(at / (H * W * C)) * C + (at % C)],
    );
    await held(
      {
        op: "com.microsoft.SkipGroupNorm",
        inputs: [x, gamma, beta, added, bias],
        outputs: [true, true],
        attributes: { groups: 2, activation: 0, epsilon: { f: 1e-5 } },
      },
      [norm(sums, 2, false), sums],
    );
  });

  it("BiasAdd", () =>
    held({ op: "com.microsoft.BiasAdd", inputs: [x, bias, skip] }, [
      Float64Array.from(x.values, (value, at) => value + bias.values[at % C] + skip.values[at]),
    ]));

  it("BiasSplitGelu", () =>
    held({ op: "com.microsoft.BiasSplitGelu", inputs: [floats([2, 3, 8]), floats([8])] }, [
      Float64Array.from({ length: 24 }, (_, k) => {
        const sum = (column: number) =>
          floats([2, 3, 8]).values[Math.floor(k / 4) * 8 + column] + floats([8]).values[column];
        return sum(k % 4) * gelu(sum(4 + (k % 4)));
      }),
    ]));

  it.each([
    ["NhwcConv", (m: number, c: number) => m * 2 + c],
    ["NhwcFusedConv", (m: number, c: number) => m * 2 + c],
  ])("%s, one by one", async (op, at) => {
    const [image, w] = [floats([1, 2, 2, 2], "image"), floats([3, 2], "w")];
    const dims = op === "NhwcConv" ? [3, 1, 1, 2] : [3, 2, 1, 1];
    await held({ op: `com.microsoft.${op}`, inputs: [image, { ...w, dims }] }, [
      Float64Array.from({ length: 12 }, (_, k) => {
        const [place, m] = [Math.floor(k / 3), k % 3];
        return [0, 1].reduce((sum, c) => sum + image.values[place * 2 + c] * w.values[at(m, c)], 0);
      }),
    ]);
  });

  it("NhwcConv, a kernel of three by one: the weights' places come before their channels", async () => {
    const [image, w] = [floats([1, 3, 1, 2], "image"), floats([1, 3, 1, 2], "w")];
    const value = Array.from(image.values).reduce((sum, v, k) => sum + v * w.values[k], 0);
    await held({ op: "com.microsoft.NhwcConv", inputs: [image, w] }, [Float64Array.of(value)]);
  });
});

describe("operators that came after onnxruntime's last opset, against their formulas", () => {
  it.each([1, 1.7])("SwiGLU, alpha %d", async (alpha) => {
    const [a, b] = [floats([2, 6], "a"), floats([2, 6], "b")];
    const node: OneNode = {
      op: "SwiGLU",
      inputs: [a, b],
      attributes: { alpha: { f: alpha } },
      opset: 28,
    };
    const { onnx } = onnxProto;
    const plain = onnx.ModelProto.decode(await opened(modelOfNode(node)));
    expect(plain.graph!.node!.map(({ opType }) => opType)).not.toContain("SwiGLU");
    plain.opsetImport![0].version = 26;
    const [y] = Object.values(await run(onnx.ModelProto.encode(plain).finish(), node));
    for (const [k, value] of (y.data as Float32Array).entries()) {
      const gate = a.values[k] / (1 + Math.exp(-alpha * a.values[k]));
      expect(value).toBeCloseTo(gate * b.values[k], 5);
    }
  });
});

describe("calls of a model's functions", () => {
  it.each(["functions-nested", "function-overloads"])(
    "%s: written out with the calls inside them, to the same bits",
    async (name) => {
      const bytes = fixture(name);
      const graph = buildGraph(openBytes(bytes));
      const { types } = await inferTypes(ort, graph);
      const calls = graph.main.nodes.filter(({ callee }) => callee !== null);
      expect(calls.length).toBeGreaterThan(0);
      expect(calls.every(canLower)).toBe(true);
      const { source } = await applyPatch(graph, lowering(graph, types, calls).patch);
      const plain = source.read(0, source.size);
      const left = (await openModel(plain)).graph.main.nodes;
      expect(left.filter(({ callee }) => callee !== null)).toEqual([]);
      const inputs = graph.main.inputs.map((input) => {
        const dims = types.get(input)!.shape!.map((dim) => (typeof dim === "number" ? dim : 2));
        return [input.name, floats(dims, input.name)] as const;
      });
      const feeds = inputs.map(([input, { dtype, dims, values }]) => [
        input,
        tensorOfBytes(ort, dtype, encodeNumbers(dtype, values), dims),
      ]);
      const runs = [bytes, plain].map(async (model) => {
        const session = await sessionOn(model, {
          graphOptimizationLevel: "disabled",
        });
        return session.run(Object.fromEntries(feeds) as Record<string, Tensor>);
      });
      const [before, after] = await Promise.all(runs);
      for (const [output, tensor] of Object.entries(before))
        expect(compareTensors(tensor, after[output]).bitEqual, output).toBe(true);
    },
  );
});

describe("what is not lowered says why", () => {
  const ms = (op: string, rest: Omit<OneNode, "op">): OneNode => ({
    op: `com.microsoft.${op}`,
    ...rest,
  });
  const x = floats([2, 5, 8]);
  it.each([
    [
      "an operator that came later",
      ms("Gelu", { inputs: [x], opset: 8 }),
      "com.microsoft.Gelu at node cannot be lowered into plain operators: lowering takes Erf, which opset 8 lacks; convert the model to opset 9.",
    ],
    [
      "an activation that is not known",
      ms("FusedGemm", {
        inputs: [floats([5, 8]), floats([8, 3]), floats([3])],
        attributes: { activation: "Snake" },
      }),
      "com.microsoft.FusedGemm at node cannot be lowered into plain operators: its activation Snake is not known.",
    ],
    [
      "more steps than are written out",
      {
        op: "LSTM",
        inputs: [floats([257, 1, 1]), floats([2, 4, 1]), floats([2, 4, 1])],
        attributes: { hidden_size: 1, direction: "bidirectional" },
      },
      "LSTM at node cannot be lowered into plain operators: its 257 steps in each direction make 514 in all, but at most 512 are unrolled; give shorter sequences, or end at a value before it (--until).",
    ],
    [
      "a condition that is computed",
      { op: "Compress", inputs: [x, whole("bool", [3], [1, 0, 1])] },
      "Compress at node cannot be lowered into plain operators: its condition is computed from the data.",
    ],
    [
      "a mask of four axes",
      ms("Attention", {
        inputs: [
          x,
          floats([8, 24]),
          floats([24]),
          whole("int32", [2, 1, 5, 5], new Float64Array(50)),
        ],
        attributes: { num_heads: 2 },
      }),
      "its mask has four axes",
    ],
  ])("%s", async (_, node, sentence) => {
    await expect(opened(modelOfNode(node))).rejects.toThrow(sentence);
  });

  it("steps are counted together, and as many as are allowed are written out", async () => {
    const layers = (steps: number) =>
      modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
      g (float[${steps}, 1, 1] x) => (float[1, 1, 1] y, float[1, 1, 1] z) <float[1, 1, 1] w>
      { _, y = RNN <hidden_size = 1> (x, w, w) _1, z = RNN <hidden_size = 1> (x, w, w) }`);
    const plain = await operators(await opened(layers(256)));
    expect(plain.filter((op) => op === "Tanh")).toHaveLength(512);
    await expect(opened(layers(257))).rejects.toThrow(/its 257 steps make 514 in all/);
  });
});
