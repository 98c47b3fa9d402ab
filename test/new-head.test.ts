import fs from "node:fs";
import path from "node:path";
import { type Model, newHead, openModel, trainableWeights, fit as tune, weightOf } from "laurelize";
import type { Tensor } from "onnxruntime-node";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { mergedWeights } from "../passes/finetune/tied-weights.ts";
import { tuningOf } from "../passes/head/tuning.ts";
import { cli } from "./support/cli.ts";
import { temporaryFolder } from "./support/fixture.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { sessionOn } from "./support/session.ts";

const folder = temporaryFolder();
const cases = path.join(import.meta.dirname, "cases/finetuning");
const plain = path.join(cases, "no-residual.onnx");
const data = path.join(cases, "no-residual.npz");
const towards = ["--loss", "cross-entropy", "--target", "labels"];
const train = (...args: string[]) => cli(["finetune", ...args, "--data", data, ...towards]);
const out = (name: string) => path.join(folder, name);

/**
 * Losses of three steps on all eight rows, in float64, with torch.optim.SGD(lr=0.1, momentum=0.9,
 * weight_decay=0.01) over fc.weight and fc.bias, the gradient's norm clipped at 1; and fc.bias then.
 */
const TORCH = {
  losses: [1.5372608224189972, 1.510970310616938, 1.4641508765168878],
  bias: [0.33934678, 0.11912283, -0.17472607, -0.290399, 0.04485551],
};

describe("a head is trained alone", () => {
  it("of a model without residual connections, as PyTorch trains it", async () => {
    const model = await openModel(plain);
    const options = { ort, data, loss: "cross-entropy", target: "labels", threads: 1 } as const;
    const { history, model: tuned } = await tune(model, {
      ...options,
      train: ["fc.*"],
      epochs: 3,
      optimizer: "sgd",
      lr: 0.1,
      shuffle: false,
    });
    for (const [k, { loss }] of history.steps.entries())
      expect(loss).toBeCloseTo(TORCH.losses[k], 5);
    const { data: bytes } = weightOf(tuned, "fc.bias");
    const bias = new Float32Array(new Uint8Array(bytes).buffer);
    for (const [k, value] of TORCH.bias.entries()) expect(bias[k]).toBeCloseTo(value, 5);
    expect(weightOf(tuned, "fc1.weight").data).toEqual(weightOf(model, "fc1.weight").data);
    await expect(tune(model, options)).rejects.toThrow(/not laurelized.*--train .*train: /);
  });

  it("also by the module of weights that the exporter has renamed, and of no other", async () => {
    const model = await openModel(
      modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
net (float[n, 3] x) => (float[n, 2] y)
<float[3, 3] onnx::MatMul_7, float[3, 2] onnx::MatMul_8, float[2] fc.bias, float[2] val_3, float[2] own>
{
  [/fc1/MatMul] h = MatMul(x, onnx::MatMul_7) [/fc/MatMul] z = MatMul(h, onnx::MatMul_8)
  [/fc/Add] u = Add(fc.bias, z) [/norm/Add] v = Add(u, val_3) [/fc/Mul] y = Mul(v, own)
}`),
    );
    expect(trainableWeights(model, ["fc.*"])).toEqual(["onnx::MatMul_8", "fc.bias"]);
    expect(trainableWeights(model, ["fc1.weight"])).toEqual(["onnx::MatMul_7"]);
    expect(trainableWeights(model, ["norm.bias"])).toEqual(["val_3"]);
    expect(trainableWeights(model, ["fc"])).toEqual(["onnx::MatMul_8", "fc.bias"]);
    expect(trainableWeights(model, ["own, fc1"])).toEqual(["own", "onnx::MatMul_7"]);
    expect(() => trainableWeights(model, ["own,f"])).toThrow(/^f does not match any float weight/);
    expect(() => trainableWeights(model, ["fc1.bias"])).toThrow(/does not match any float weight/);
  });

  it("and by patterns that take only parameters: no statistics, scales, masks or numbers of the code", async () => {
    const model = await openModel(
      modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
net (float[n, 3, 4, 4] x) => (float[n, 2] y)
<float[3] bn.weight, float[3] bn.bias, float[3] bn.running_mean, float[3] bn.running_var, float[3] n2.weight, float[3] n2.bias, float[3] twice, float q.scale = {0.1}, uint8 q.zero = {3},
 float[3, 3] onnx::MatMul_7, float[3] onnx::Mul_8 = {0.5, -1.25, 1e-5}, float[3] onnx::Mul_9 = {0.1234567, -0.7654321, 0.5}, float logit_scale, float[3] mask = {0, -10000, -3e38}, float[3] shift = {0, -10001, 0.5}, float[3] zero = {0, 0, 0}, float[2, 1, 2] copied = {0.1, 0.2, 0.1, 0.2}, float[2, 1, 2] table = {0.1, 0.2, 0.1, 0.3}, float[2, 1, 2] ones = {1, 1, 1, 1}, float[4] resize.scales = {1, 1, 2, 2}, float[2, 3] fc.weight, float[2] fc.bias>
{
  a1 = BatchNormalization(x, bn.weight, bn.bias, bn.running_mean, bn.running_var)
  mean2 = Identity(bn.running_mean) var2 = Identity(bn.running_var) mean3 = Identity(twice)
  a2 = BatchNormalization(a1, n2.weight, n2.bias, mean2, var2)
  a = BatchNormalization(a2, n2.bias, n2.weight, mean3, var2)
  b = QuantizeLinear(a, q.scale, q.zero) c = DequantizeLinear(b, q.scale, q.zero)
  d = Resize(c, "", resize.scales) e = ReduceMean <axes = [2, 3], keepdims = 0> (d)
  [/fc1/MatMul] f = MatMul(e, onnx::MatMul_7) /Constant_2_output_0 = Constant <value_float = 0.5> ()
  [/act/Mul] g = Mul(f, /Constant_2_output_0) [/Mul] h = Mul(g, onnx::Mul_8) [/norm/Mul] i = Mul(h, onnx::Mul_9)
  j = Mul(i, logit_scale) k0 = Add(j, twice) k = Add(k0, mask) l = Add(k, shift) m = Add(l, zero) o = Add(m, zero)
  y = Gemm <transB = 1> (o, fc.weight, fc.bias)
}`),
    );
    const fc = ["shift", "zero", "table", "ones", "fc.weight", "fc.bias"];
    const norms = ["bn.weight", "bn.bias", "n2.weight", "n2.bias", "twice"];
    const all = [...norms, "onnx::MatMul_7", "onnx::Mul_9", "logit_scale", ...fc];
    expect(mergedWeights(model, ["*"])).toEqual([{ weight: "zero", readers: 2 }]);
    expect(trainableWeights(model, ["*"])).toEqual(all);
    expect(trainableWeights(model, ["bn.*"])).toEqual(["bn.weight", "bn.bias"]);
    expect(trainableWeights(model, ["bn.running_var"])).toEqual(["bn.running_var"]);
    const without = await openModel(
      modelOfText(
        '<ir_version: 8, opset_import: ["" : 17]> n (float[2] x) => (float[2] y) { y = Neg(x) }',
      ),
    );
    expect(() => trainableWeights(without, ["*"])).toThrow(
      /it has none that training could change\.$/,
    );
    expect(() => trainableWeights(model, ["*running*"])).toThrow(
      /^\*running\* does not match any weight of .*, but bn\.running_mean, a statistic, .*whole name/,
    );
  });

  it("the scale and bias of a GroupNorm too, even as they started", async () => {
    const model = await openModel(
      modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
net (float[n, 4, 2] x) => (float[n, 4, 2] y)
<int64[3] groups = {0, 2, -1}, float[2] ones = {1, 1}, float[2] zeros = {0, 0},
 float[4, 1] onnx::Mul_1 = {1, 1, 1, 1}, float[4, 1] onnx::Add_2 = {0, 0, 0, 0}, float[4, 1] onnx::Mul_3 = {1, 1, 1, 1}>
{
  a = Reshape(x, groups) b = InstanceNormalization(a, ones, zeros)
  s = Shape(x) c = Reshape(b, s) d = Mul(c, onnx::Mul_1) e = Add(d, onnx::Add_2) f = Relu(e)
  y = Mul(f, onnx::Mul_3)
}`),
    );
    const named = ["ones", "zeros", "onnx::Mul_1", "onnx::Add_2"];
    expect(trainableWeights(model, ["*"])).toEqual(named);
  });

  it("nor tables of positions, or what the exporter computed of few numbers", async () => {
    const filled = (of: (row: number, column: number) => number) =>
      `{${Array.from({ length: 24 }, (_, k) => Math.fround(of(Math.floor(k / 4), k % 4)))}}`;
    const wave = filled((t, k) => Math.sin(t / 3 ** k + (k % 2)));
    const nearly = filled((t, k) => Math.sin(t / 3 ** k + (k % 2)) + 1e-4 * ((7 * t * t + k) % 5));
    const model = await openModel(
      modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
net (float[6, 4] x) => (float[6, 4] y)
<float[6, 4] pe = ${wave}, float[6, 4] tuned = ${nearly}, float[6, 4] steps = ${filled((t, k) => 0.1234567 * (t - k))},
 float[6, 4] ones = ${filled(() => 1)}, float[1] val_3 = {0.5946035}, float[4] val_4 = {0.12345678, -1.2345678, 0.1112223, 0.7654321}>
{
  a = Add(x, pe) b = Add(a, tuned) c = Add(b, steps) d = Mul(c, ones)
  e = Mul(d, val_3) y = Mul(e, val_4)
}`),
    );
    expect(trainableWeights(model, ["*"])).toEqual(["tuned", "ones", "val_4"]);
    expect(trainableWeights(model, ["pe"])).toEqual(["pe"]);
  });

  it("as dynamo notes them: what it computed of parameters, and no buffers", async () => {
    const field = (number: number, ...parts: readonly (string | Uint8Array)[]): Uint8Array => {
      const body = Buffer.concat(parts.map((part) => Buffer.from(part as string)));
      const length =
        body.length < 128 ? [body.length] : [(body.length & 127) | 128, body.length >> 7];
      const tag = number < 16 ? [(number << 3) | 2] : [((number << 3) & 127) | 130, number >> 4];
      return Buffer.concat([Uint8Array.from([...tag, ...length]), body]);
    };
    const entry = (number: number, key: string, value: string) =>
      field(number, field(1, key), field(2, value));
    const value = (name: string, key: string, is: string) =>
      field(13, field(1, name), entry(4, key, is));
    const kind = "pkg.torch.export.graph_signature.InputSpec.kind";
    const folded = "pkg.onnxscript.optimizer.folded_from";
    const noted = field(
      7,
      value("w", kind, "PARAMETER"),
      value("table", kind, "BUFFER"),
      value("mul", folded, "['val_0', 'scale']"),
      value("val_3", folded, "['experts.bias', 'val_1']"),
      value("expand", folded, "['cls.token']"),
      entry(
        16,
        "pkg.torch.export.ExportedProgram.graph_signature",
        "# inputs\np_w: PARAMETER target='w'\np_e: PARAMETER target='experts.bias'\np_c: PARAMETER target='cls.token'\nb: BUFFER target='scale'\n",
      ),
    );
    const plain = modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
net (float[n, 2] x) => (float[n, 2] y)
<float[2, 2] w, float[2] table, float[2] mul = {0.1234567, -0.7654321}, float[2] val_3 = {0, 0}, float[2] own, float[2, 1, 2] expand = {0.1, 0.2, 0.1, 0.2}>
{ a = MatMul(x, w) b = Add(a, table) c = Mul(b, mul) d = Add(c, val_3) e = Add(d, own) y = Add(e, expand) }`);
    const model = await openModel(Buffer.concat([plain, noted]));
    expect(trainableWeights(model, ["*"])).toEqual(["w", "val_3", "own"]);
    expect(trainableWeights(model, ["experts"])).toEqual(["val_3"]);
    expect(trainableWeights(model, ["table"])).toEqual(["table"]);
  });

  it("on the command line, with an adapter that extract and apply know", () => {
    const tuned = out("head.onnx");
    const ran = train(plain, "--train", "fc.*", "-e", "1", "-o", tuned);
    expect(ran.code, ran.stderr).toBe(0);
    expect(ran.stderr).toMatch(/2 weight tensors of the model are trained, without LAuReL/);
    expect(ran.stderr).not.toMatch(/has no effect/);
    const again = out("again.onnx");
    const adapter = out("head.safetensors");
    const put = cli(["apply", plain, adapter, "-o", again]);
    expect([put.code, put.stdout]).toEqual([0, expect.not.stringContaining("laurelized")]);
    expect(fs.readFileSync(again)).toEqual(fs.readFileSync(tuned));
    expect(cli(["extract", tuned, "-o", out("out.safetensors")]).stdout).toMatch(/in 2 tensors/);
    const peft = cli(["extract", tuned, "--peft", "-o", out("peft.safetensors")]);
    expect(peft.stderr).toMatch(/has no LAuReL weights .*; leave out --peft/);
    const other = cli(["apply", path.join(cases, "small-resnet.onnx"), adapter, "-o", out("x")]);
    expect(other.stderr).toMatch(
      /not the model that .* was made from, because its SHA-256 differs/,
    );
    expect(train(plain, "-o", out("y.onnx")).stderr).toMatch(/no residual connection.*--train 'fc/);
    const unknown = train(plain, "--train", "fcc.*", "-o", out("z.onnx"));
    expect(unknown.stderr).toMatch(/does not match any float weight.*similar names are .*fc/);
  });
});

const graph = (body: string, weights: string) => `<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 8, 4, 4] x) => (float[N, 5] y)
<${weights}, int64[2] flat = {-1, 8}, int64[2] five = {0, 5}, float half = {0.5},
 uint8 mid = {100}, int64[1] none = {0}, int64[1] one = {1}, int64[3] rest = {5, 3, 3},
 float[4] twice = {1.0, 1.0, 2.0, 2.0}, int64[4] six = {2, 6, 4, 4}>
{ p = GlobalAveragePool(x) f = Reshape(p, flat) ${body} }`;

/** Last layers as exporters write them, and the fan-in of each. */
const FORMS: readonly (readonly [what: string, body: string, weights: string])[] = [
  [
    "Gemm",
    "y = Gemm<transB = 1>(f, fc.weight, fc.bias)",
    "float[5, 8] fc.weight, float[5] fc.bias",
  ],
  [
    "MatMul and Add",
    "m = MatMul(f, fc.w) y = Add(fc.bias, m)",
    "float[8, 5] fc.w, float[5] fc.bias",
  ],
  ["Softmax", "m = Gemm(f, fc.w) s = Mul(m, half) y = Softmax<axis = 1>(s)", "float[8, 5] fc.w"],
  [
    "Conv and pool",
    "c = Conv(x, fc.weight, fc.bias) r = Relu(c) g = GlobalAveragePool(r) y = Flatten(g)",
    "float[5, 8, 1, 1] fc.weight, float[5] fc.bias",
  ],
  [
    "Conv and a Reshape to five",
    "c = Conv(p, fc.weight) y = Reshape(c, five)",
    "float[5, 8, 1, 1] fc.weight",
  ],
  [
    "two layers whose mean is taken",
    "m = Gemm(f, fc.w, fc.b) n = Gemm(f, fc.v) a = Add(m, n) y = Mul(a, half)",
    "float[8, 5] fc.w, float[5] fc.b, float[8, 5] fc.v",
  ],
  [
    "Conv and Resize",
    'c = Conv(x, fc.weight, fc.bias) u = Resize<mode = "linear">(c, "", twice) n = Shape(x) b = Gather(n, none) s = Concat<axis = 0>(b, rest) v = Resize(u, "", "", s) g = GlobalMaxPool(v) y = Flatten(g)',
    "float[5, 8, 1, 1] fc.weight, float[5] fc.bias",
  ],
];

/** Last layers, and whether they compare directions: by weights, or features, of length 1. */
const DIRECTIONS: readonly (readonly [body: string, isSo: boolean])[] = [
  ["n = ReduceL2(fc.w) l = Clip(n, half) u = Div(fc.w, l) w = Transpose(u) y = MatMul(f, w)", true],
  ["u = LpNormalization(fc.w) w = Transpose(u) y = MatMul(f, w)", true],
  ["n = ReduceL2(f) u = Div(f, n) y = Gemm<transB = 1>(u, fc.w)", true],
  ["n = ReduceL2(f) u = Div(f, n) y = Gemm<transB = 1>(u, fc.w, fc.b)", false],
  ["n = ReduceL2(fc.w) v = Div(fc.w, n) u = Mul(v, half) w = Transpose(u) y = MatMul(f, w)", false],
  ["u = Div(f, half) w = Transpose(fc.w) y = MatMul(u, w)", false],
];

const modelOf = (body: string, weights: string) => {
  const sizes = [...weights.matchAll(/float\[([\d, ]+)\] (\S+?)(?=,|$)/g)];
  const filled = sizes.map(([, dims, name]) => {
    const count = dims.split(", ").reduce((n, dim) => n * Number(dim), 1);
    const values = Array.from({ length: count }, (_, k) => ((k * 7) % 11) / 11);
    return `float[${dims}] ${name} = {${values}}`;
  });
  return openModel(modelOfText(graph(body, filled.join(", ")).replaceAll("fc.", "fc_")));
};

async function outputOf(model: Model): Promise<Tensor> {
  const session = await sessionOn(model.toBytes(), { logSeverityLevel: 4 });
  const x = new ort.Tensor(
    Float32Array.from({ length: 256 }, (_, k) => Math.sin(k)),
    [2, 8, 4, 4],
  );
  const { y } = await session.run({ x });
  expect(session.outputMetadata[0]).toMatchObject({ shape: ["N", 7] });
  await session.release();
  return y as Tensor;
}

describe("a last layer is replaced by one of another number of classes", () => {
  it.each(FORMS)("%s", async (what, body, weights) => {
    const model = await modelOf(body, weights);
    const options = { ort, layer: "fc*", classes: 7 };
    const changed = await newHead(model, options);
    const y = await outputOf(changed);
    expect(y.dims).toEqual([2, 7]);
    const values = Array.from(y.data as Float32Array);
    if (what === "Softmax") expect(values.slice(0, 7).reduce((a, b) => a + b)).toBeCloseTo(1, 5);
    for (const [, dims, name] of weights.matchAll(/float\[([\d, ]+)\] (\S+?)(?=,|$)/g)) {
      const weight = weightOf(changed, name.replace("fc.", "fc_"));
      expect(weight.dims).toEqual(dims.split(", ").map((dim) => (dim === "5" ? 7 : Number(dim))));
      // PyTorch's kaiming_uniform(a = √5): U(±1/√8) for a fan-in of 8, the bias too.
      const sizes = Array.from(new Float32Array(new Uint8Array(weight.data).buffer), Math.abs);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(1 / Math.sqrt(8));
      expect(Math.max(...sizes)).toBeGreaterThan(0.7 / Math.sqrt(8));
    }
    expect((await newHead(model, options)).toBytes()).toEqual(changed.toBytes());
    expect((await newHead(model, { ...options, seed: 1 })).toBytes()).not.toEqual(
      changed.toBytes(),
    );
  });

  const quantized =
    "m = Gemm(f, w, fc.b) q = QuantizeLinear(m, half, mid) y = DequantizeLinear(q, half, mid)";
  const ends: readonly (readonly [what: string, body: string])[] = [
    [
      "in 8 bits",
      `i = QuantizeLinear(fc.w, half, mid) w = DequantizeLinear(i, half, mid) ${quantized}`,
    ],
    [
      "in integers computed from the input",
      "i = QuantizeLinear(fc.w, half, mid) h, hs, hz = DynamicQuantizeLinear(f) k = MatMulInteger(h, i, hz) c = Cast<to = 1>(k) ks = Mul(hs, half) m = Mul(c, ks) y = Add(m, fc.b)",
    ],
    [
      "in integers alone",
      "i = QuantizeLinear(fc.w, half, mid) h = QuantizeLinear(f, half, mid) k = QLinearMatMul(h, half, mid, i, half, mid, half, mid) m = DequantizeLinear(k, half, mid) y = Add(fc.b, m)",
    ],
  ];

  it.each(ends)("that is quantized, %s: by floats whose range is free", async (_, body) => {
    const model = await modelOf(body, "float[8, 5] fc.w, float[5] fc.b");
    const changed = await newHead(model, { ort, layer: "fc*", classes: 7 });
    expect((await outputOf(changed)).dims).toEqual([2, 7]);
    const trained = trainableWeights(changed);
    expect(trained).toHaveLength(2);
    expect(changed.graph.main.values.has("i")).toBe(false);
    const behind = changed.graph.main.nodes.map(({ op }) => op);
    expect(behind).not.toContain("DynamicQuantizeLinear");
    expect(behind.lastIndexOf("QuantizeLinear")).toBeLessThan(behind.length - 3);
  });

  it.each([
    [
      "a weight that is an embedding too",
      "t = Transpose(fc.w) i = Cast<to = 7>(f) e = Gather(fc.w, i) s = ReduceSum<keepdims = 0>(e, one) y = MatMul(s, t)",
      "float[5, 8] fc.w",
      "fc_w",
      /fc_w of .* shares its weight fc_w with an embedding \(Gather at e\)/,
    ],
    [
      "a size that scales the classes",
      'c = Conv(x, fc.w) r = Resize(c, "", "", six) g = GlobalMaxPool(r) y = Flatten(g)',
      "float[5, 8, 1, 1] fc.w",
      "fc_w",
      /Resize .* scales its classes/,
    ],
    [
      "a layer behind it",
      "m = Gemm(f, fc.a) y = Gemm(m, fc.b)",
      "float[8, 5] fc.a, float[5, 5] fc.b",
      "fc_a",
      /fc_a .* another number of classes: Gemm .* the last layer is fc_b/,
    ],
    [
      "constants of each class",
      "m = Gemm(f, fc.w) y = Mul(m, fc.s)",
      "float[8, 5] fc.w, float[5] fc.s",
      "fc_w",
      /Mul .* has 5 constants, one for each of its classes/,
    ],
    [
      "a value of another kind added",
      "m = Gemm(f, fc.w) n = ReduceMean<axes = [1], keepdims = 1>(f) y = Add(m, n)",
      "float[8, 5] fc.w",
      "fc_w",
      /Add .* joins it with another value/,
    ],
    [
      "a weight on the left, where another output has a layer of its own",
      "m = Gemm(f, fc.a) t = Transpose(m) n = MatMul(fc.b, t) u = Transpose(n) z = ReduceMax<axes = [1], keepdims = 1>(u) y = Gemm(f, fc.w) w = Add(y, z)",
      "float[8, 5] fc.a, float[5, 5] fc.b, float[8, 5] fc.w",
      "fc_b",
      /MatMul at n of .* cannot be replaced; only a Gemm, /,
    ],
    [
      "a layer behind it of several groups",
      "m = Conv(x, fc.a) c = Conv<group = 5>(m, fc.b) y = Flatten(c)",
      "float[5, 8, 1, 1] fc.a, float[5, 1, 2, 2] fc.b",
      "fc_b",
      /Conv at c of .* cannot be replaced/,
    ],
    [
      "no such layer",
      "y = Gemm(f, fc.w)",
      "float[8, 5] fc.w",
      "head",
      /does not match a linear layer .*its last ones are fc_w \(Gemm with 5 outputs\)/,
    ],
    [
      "a layer misspelt",
      "y = Gemm(f, fc.weigth)",
      "float[8, 5] fc.weigth",
      "fc_weight",
      /did you mean fc_weigth\?/,
    ],
  ])("and not with %s", async (_, body, weights, layer, why) => {
    const model = await modelOf(body, weights);
    await expect(newHead(model, { ort, layer, classes: 7 })).rejects.toThrow(why);
  });

  it.each(DIRECTIONS)("in place of one that may compare directions: %s", async (body, isSo) => {
    const model = await modelOf(body, "float[5, 8] fc.w, float[5] fc.b");
    const changed = await newHead(model, { ort, layer: "fc_w", classes: 7 });
    expect(tuningOf(changed.metadata)!.head!.fromDirections ?? false).toBe(isSo);
  });

  it("trained by default, with LAuReL if a variant is named, and applied to the original", () => {
    const resnet = path.join(cases, "small-resnet.onnx");
    for (const [file, ...more] of [[resnet, "--variant", "rw", "--train", "stem.*"]]) {
      const name = path.basename(file, ".onnx");
      const tuned = out(`${name}.onnx`);
      const ran = train(
        file,
        "--new-head",
        "fc",
        "--classes",
        "7",
        "-e",
        "1",
        ...more,
        "-o",
        tuned,
      );
      expect(ran.code, ran.stderr).toBe(0);
      const log = JSON.parse(fs.readFileSync(out(`${name}.json`), "utf8"));
      expect(log.newHead).toEqual({
        layer: "fc",
        classes: 7,
        seed: 0,
        weights: ["fc.weight", "fc.bias"],
      });
      const applied = out(`${name}.again.onnx`);
      expect(cli(["apply", file, out(`${name}.safetensors`), "-o", applied]).code).toBe(0);
      expect(fs.readFileSync(applied)).toEqual(fs.readFileSync(tuned));
    }
    const lone = train(plain, "--new-head", "fc", "-o", out("n.onnx"));
    expect(lone.stderr).toMatch(/--new-head fc needs the number of its classes; give --classes/);
  });
});
