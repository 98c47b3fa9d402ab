import fs from "node:fs";
import path from "node:path";
import {
  extractAdapter,
  type FoldedModel,
  fold,
  foldProved,
  type LaurelOptions,
  laurelize,
  type Model,
  openModel,
  proveFold,
  saveAdapter,
  saveModel,
  splitModel,
  strip,
  weightOf,
  withWeights,
} from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { withDoubleKernels } from "../passes/fold/double-kernels.ts";
import { dimsOf } from "../src/graph/constants.ts";
import { uniform } from "../src/graph/random.ts";
import { encodeNumbers } from "../src/graph/tensor.ts";
import { inDouble } from "../src/infer/stand-in.ts";
import { cli } from "./support/cli.ts";
import { fixture, temporaryFolder } from "./support/fixture.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { graphOptimizationLevel, sessionOn } from "./support/session.ts";
import { tuned } from "./support/tuned.ts";

const head = `<ir_version: 8, opset_import: ["" : 17]>`;

/** Two blocks of convolutions; the stream passes a Relu, the last reader is a Gemm. */
const convolutional = `${head} g (float[2, 8, 5, 5] x) => (float[2, 4] z)
  <float[8, 8, 3, 3] a, float[8, 8, 1, 1] b, float[8] c, float[8, 8, 3, 3] d, float[8] s, float[8] t,
   float[8] u = {0.1, 0.2, 0.3, -0.1, -0.2, 0.4, 0.1, 0.2}, float[8] v = {1, 1.5, 0.5, 1, 2, 1, 1, 3},
   float[8, 4] w, float[4] k>
  { m1 = Conv<pads = [1, 1, 1, 1]>(x, a) r1 = Relu(m1) f1 = Conv(r1, b, c) [one] y1 = Add(f1, x) o1 = Relu(y1)
    m2 = Conv<pads = [1, 1, 1, 1]>(o1, d) f2 = BatchNormalization(m2, s, t, u, v) [two] y2 = Add(f2, o1)
    o2 = Relu(y2) p = GlobalAveragePool(o2) q = Flatten(p) z = Gemm(q, w, k) }`;

const norm = `float[8] s1, float[8] t1, float[8] s2, float[8] t2, float[8] s3, float[8] t3`;

/** A pre-norm block: two sites, and a norm behind them. */
const preNorm = `${head} g (float[2, 3, 8] x) => (float[2, 3, 8] z)
  <${norm}, float[8, 8] a, float[8, 8] b, float[8, 16] c, float[16] d, float[16, 8] e, float[8] f, float[8, 8] h>
  { n1 = LayerNormalization(x, s1, t1) p = MatMul(n1, a) q = Tanh(p) f1 = MatMul(q, b) [one] y1 = Add(x, f1)
    n2 = LayerNormalization(y1, s2, t2) m = MatMul(n2, c) md = Add(m, d) r = Relu(md) o = MatMul(r, e) f2 = Add(o, f)
    [two] y2 = Add(y1, f2) n3 = LayerNormalization(y2, s3, t3) z = MatMul(n3, h) }`;

/** The same with the norms behind the sums. */
const postNorm = `${head} g (float[2, 3, 8] x) => (float[2, 3, 8] z)
  <${norm}, float[8, 8] a, float[8, 8] b, float[8, 16] c, float[16, 8] e, float[8, 8] h>
  { p = MatMul(x, a) q = Tanh(p) f1 = MatMul(q, b) [one] y1 = Add(x, f1) n1 = LayerNormalization(y1, s1, t1)
    m = MatMul(n1, c) r = Tanh(m) f2 = MatMul(r, e) [two] y2 = Add(n1, f2) n2 = LayerNormalization(y2, s2, t2)
    z = MatMul(n2, h) }`;

/** A stage that begins with a projection: the skip is linear and read by nothing else. */
const projected = `${head} g (float[2, 4, 6, 6] x) => (float[2, 3, 6, 6] z)
  <float[8, 4, 3, 3] a, float[8, 8, 1, 1] b, float[8, 4, 1, 1] p, float[8] k, float[3, 8, 1, 1] w>
  { m = Conv<pads = [1, 1, 1, 1]>(x, a) r = Relu(m) f = Conv(r, b) s = Conv(x, p, k) [one] y = Add(f, s) o = Relu(y)
    z = Conv(o, w) }`;

const trained = async (text: string | Uint8Array, options: LaurelOptions & object) => {
  const original = await openModel(typeof text === "string" ? modelOfText(text) : text);
  const laurel = await laurelize(original, { ort, rank: 2, ...options });
  return { original, model: tuned(laurel.model, 3) };
};

/** Seeded values for every input of a model, and another seed for the next. */
const feedsOf = ({ graph }: Model, shapes: Readonly<Record<string, number[]>>) =>
  Object.fromEntries(
    graph.main.inputs.map(({ name }) => {
      const next = uniform(5, name);
      const size = shapes[name].reduce((a, b) => a * b, 1);
      const data = Float32Array.from({ length: size }, () => 4 * next() - 2);
      return [name, new ort.Tensor("float32", data, shapes[name])];
    }),
  );

/** What onnxruntime itself gives for both models, as one number: the largest difference over the largest magnitude. */
async function apart(a: Model, b: Model, shapes: Readonly<Record<string, number[]>>) {
  const [one, two] = await Promise.all(
    [a, b].map(async (model) => {
      const session = await sessionOn(model.toBytes(), {
        logSeverityLevel: 4,
        graphOptimizationLevel,
      });
      return session.run(feedsOf(model, shapes));
    }),
  );
  let [difference, magnitude] = [0, 0];
  for (const name of Object.keys(one))
    for (const [k, value] of (one[name].data as Float32Array).entries()) {
      difference = Math.max(difference, Math.abs(value - (two[name].data as Float32Array)[k]));
      magnitude = Math.max(magnitude, Math.abs(value));
    }
  expect(magnitude).toBeGreaterThan(0);
  return difference / magnitude;
}

/** Rounding of float32 over the few layers of these models; measured: at most 4e-7. */
const ROUNDING = 2e-6;

const nodes = ({ graph }: Model) => graph.main.nodes.length;
const outcomes = ({ sites }: FoldedModel) => sites.map(({ outcome }) => outcome);

async function foldedOf(
  text: string | Uint8Array,
  options: LaurelOptions,
  shapes: Readonly<Record<string, number[]>>,
) {
  const { original, model } = await trained(text, options);
  const folded = await fold(model, { ort });
  expect(await apart(model, folded.model, shapes)).toBeLessThan(ROUNDING);
  return { original, model, folded, added: nodes(folded.model) - nodes(original) };
}

const streams = [
  ["convolutional", convolutional, { x: [2, 8, 5, 5] }],
  ["pre-norm", preNorm, { x: [2, 3, 8] }],
  ["post-norm", postNorm, { x: [2, 3, 8] }],
  ["projected", projected, { x: [2, 4, 6, 6] }],
] as const;

describe("a trained model is folded without a trace of α and β", () => {
  for (const normalize of ["softmax", "sigmoid"] as const)
    it.each(streams)(`%s, ${normalize}`, async (_, text, shapes) => {
      const { folded, added } = await foldedOf(text, { variant: "rw", normalize }, shapes as never);
      expect(added).toBe(0);
      expect(folded.factors).toBe(0);
      expect(new Set(outcomes(folded))).toEqual(new Set(["plain"]));
      expect((await proveFold(folded, { ort })).function.outcome).not.toBe("not run");
    });

  it.each([
    ["pre-norm", preNorm, { x: [2, 3, 8] }],
    ["post-norm", postNorm, { x: [2, 3, 8] }],
  ] as const)("and %s is the same in float64 too", async (_, text, shapes) => {
    const { folded } = await foldedOf(text, { variant: "rw+lr" }, shapes as never);
    const { float64 } = await proveFold(folded, { ort });
    expect(float64).toMatchObject({ outcome: "passed" });
    expect(float64.outcome === "passed" && float64.difference).toBeLessThan(1e-10);
  });
});

/** Operators without a kernel in double, what they read beside x, and their output's rank. */
const inDoubles: readonly (readonly [call: string, weights?: string, x?: string])[] = [
  [
    "Conv<pads = [1, 0, 2, 1], strides = [2, 1], dilations = [1, 2]>(x, w, b)",
    "float[4, 8, 3, 2] w, float[4] b",
  ],
  ["Conv<group = 4>(x, w)", "float[8, 2, 1, 3] w"],
  ["Conv<pads = [1, 1]>(x, w, b)", "float[4, 8, 3] w, float[4] b", "2, 8, 7"],
  ["Conv(x, w)", "float[4, 8, 1, 1] w"],
  ["AveragePool<kernel_shape = [3, 2], pads = [1, 0, 1, 1], strides = [2, 1]>(x)"],
  ["AveragePool<kernel_shape = [2, 2], pads = [1, 1, 1, 1], count_include_pad = 1>(x)"],
  ["AveragePool<kernel_shape = [2, 2], strides = [2, 2], ceil_mode = 1>(x)"],
  ["GlobalAveragePool(x)"],
  ["GlobalMaxPool(x)"],
  ["InstanceNormalization(x, s, t)", "float[8] s, float[8] t"],
  ["Erf(x)"],
  ["HardSigmoid<alpha = 0.3, beta = 0.4>(x)"],
  ["HardSwish(x)"],
  ["LeakyRelu<alpha = 0.2>(x)"],
];

describe("for the evaluation in float64", () => {
  it.each(inDoubles)(
    "%s is written by other operators",
    async (call, weights = "float n", x = "2, 8, 5, 7") => {
      const net = `${head} g (float[${x}] x) => (float z) <${weights}> { z = ${call} }`;
      const model = await openModel(modelOfText(net));
      const wide = await openModel(inDouble(model.toBytes())!);
      const types = new Map(
        [...wide.graph.main.values.values()].map((value) => [
          value,
          {
            dtype: "double",
            shape: value.name === "x" ? x.split(", ").map(Number) : (dimsOf(value) ?? null),
          },
        ]),
      );
      const file = withDoubleKernels(wide, types);
      const shape = x.split(", ").map(Number);
      const feeds = feedsOf(model, { x: shape });
      const run = async (bytes: Uint8Array, tensor: ort.Tensor) =>
        (await (await sessionOn(bytes, { logSeverityLevel: 4 })).run({ x: tensor })).z;
      const one = await run(model.toBytes(), feeds.x);
      const doubles = Float64Array.from(feeds.x.data as Float32Array);
      const two = await run(
        file.source.read(0, file.source.size),
        new ort.Tensor("float64", doubles, shape),
      );
      expect(two.dims).toEqual(one.dims);
      for (const [k, value] of (one.data as Float32Array).entries())
        expect(Math.abs(value - (two.data as Float64Array)[k])).toBeLessThan(2e-6);
    },
  );

  it.each(streams)(
    "what lies as near to it as the original is folded wholly: %s",
    async (_, text) => {
      const { model } = await trained(text, { variant: "rw+lr" });
      const { folded, proof } = await foldProved(model, { ort, dims: {} });
      expect(folded.extent).toBe("all");
      expect(proof.passed).toBe(true);
      expect(
        proof.function.outcome === "passed" && proof.function.outputs[0].noise,
      ).toBeGreaterThan(0);
    },
  );

  it("images are folded in float64 too", async () => {
    const { folded } = await foldedOf(convolutional, { variant: "rw+lr" }, { x: [2, 8, 5, 5] });
    const { float64 } = await proveFold(folded, { ort });
    expect(float64).toMatchObject({ outcome: "passed" });
    expect(float64.outcome === "passed" && float64.difference).toBeLessThan(1e-12);
  });
});

describe("low-rank maps", () => {
  /** How a branch of rows ends, the sizes of the stream, and the Gemms that fold writes for its site. */
  const ends: readonly (readonly [string, tail: string, gemms: number, dims?: string])[] = [
    ["MatMul", "f = MatMul(t, b)", 3],
    ["MatMul and a bias", "p = MatMul(t, b) f = Add(p, c)", 3],
    ["a bias that is shared", "k = Identity(c) p = MatMul(t, b) f = Add(k, p)", 3],
    ["MatMul, of free sizes", "p = MatMul(t, b) f = Add(p, c)", 3, "N, T, 8"],
    ["MatMul, on four axes", "f = MatMul(t, b)", 3, "2, 3, 2, 8"],
    ["Gemm", "f = Gemm<transB = 1, alpha = 0.5>(t, b, c)", 3, "6, 8"],
    ["Gemm between two Reshapes", "u = Reshape(t, n8) p = Gemm(u, b, c) f = Reshape(p, n38)", 3],
    ["a Gemm that scales its bias", "f = Gemm<beta = 0.5>(t, b, c)", 2, "6, 8"],
    ["a bias for each row", "p = MatMul(t, b) f = Add(p, e)", 2],
    ["a nonlinearity", "p = MatMul(t, b) f = LeakyRelu(p)", 2],
    ["a product that is read elsewhere", "f = MatMul(t, b) zz = Relu(f)", 2],
    ["a weight of integers", "q = DequantizeLinear(i, s) f = MatMul(t, q)", 2],
    ["two branches", "f = MatMul(t, b) o = MatMul(t, c2)", 0],
  ];
  it.each(ends.map(([of, tail, gemms, dims = "2, 3, 8"]) => [of, tail, gemms, dims] as const))(
    "are added to rows by the products: %s",
    async (_, tail, gemms, dims) => {
      const sum = tail.includes("o = ") ? "y = Sum(f, x, o)" : "y = Add(f, x)";
      const text = `${head} g (float[${dims}] x) => (float z${tail.includes("zz") ? ", float zz" : ""})
      <float[8, 8] a, float[8, 8] b, float[8] c, float[8, 8] c2, float[3, 8] e, float[8, 5] w, float s = {0.01},
       int8[8, 8] i, int64[2] n8 = {-1, 8}, int64[3] n38 = {-1, 3, 8}>
      { m = MatMul(x, a) t = Tanh(m) ${tail} [one] ${sum} r = Relu(y) z = MatMul(r, w) }`;
      const shape = dims.split(", ").map((dim) => Number(dim) || 3);
      for (const opset of gemms === 3 ? [17, 9] : [17]) {
        const own = text.replace('["" : 17]', `["" : ${opset}]`);
        const { folded } = await foldedOf(own, { variant: "rw+lr" }, { x: shape });
        const written = folded.model.graph.main.nodes.filter(({ message }) =>
          message.name.startsWith("one.fold"),
        );
        // The third input of a Gemm can be left out from opset 11 on.
        const count = written.filter(({ op }) => op === "Gemm").length;
        expect(count).toBe(opset < 11 ? gemms - 1 : gemms);
        const rows = dims
          .split(", ")
          .slice(0, -1)
          .reduce((a, dim) => a * (Number(dim) || 1), 1);
        expect(folded.maps?.multiplyAdds).toBe(rows * (8 * 2 + 2 * 8));
        expect(outcomes(folded)[0]).toBe(tail.includes("zz") ? "kept" : "low-rank");
      }
    },
  );

  it("go into a projected skip", async () => {
    const { folded, added } = await foldedOf(projected, { variant: "rw+lr" }, { x: [2, 4, 6, 6] });
    expect(added).toBe(0);
    expect(folded.sites[0]).toMatchObject({ outcome: "plain", map: "folded" });
  });

  it("of several lags share the last product, with γ and β inside", async () => {
    const { folded, added } = await foldedOf(preNorm, { variant: "rw+lr+pa" }, { x: [2, 3, 8] });
    expect(folded.factors).toBe(0);
    // Two products and three Reshapes at the first site; one of each more, and a Concat, at the second.
    expect(added).toBe(4 + 7);
  });

  it("with one pair for all lags add up before it", async () => {
    const options = { variant: "lr+pa", shareLags: true } as const;
    const { folded } = await foldedOf(preNorm, options, { x: [2, 3, 8] });
    expect(folded.factors).toBe(0);
  });

  it("earlier skips of PA are multiplied, the skip itself is not", async () => {
    const { folded, added } = await foldedOf(preNorm, { variant: "rw+pa" }, { x: [2, 3, 8] });
    expect(added).toBe(2);
    expect(folded.sites[1].reasons.map(({ code }) => code)).toContain("lags");
  });
});

describe("per-channel weights", () => {
  it("fold through operators that work channel by channel", async () => {
    const options = { variant: "rw", perChannel: true } as const;
    const { added } = await foldedOf(convolutional, options, { x: [2, 8, 5, 5] });
    expect(added).toBe(0);
  });

  it("stop at a norm over channels", async () => {
    const options = { variant: "rw", perChannel: true } as const;
    const { folded, added } = await foldedOf(postNorm, options, { x: [2, 3, 8] });
    expect(added).toBe(2);
    expect(folded.sites.map(({ beta }) => beta)).toEqual(["kept", "kept"]);
  });
});

describe("what does not fold", () => {
  it("a β of zero or less stays, and says so", async () => {
    const original = await openModel(modelOfText(preNorm));
    const options = { ort, variant: "rw", normalize: "none" } as const;
    const { model } = await laurelize(original, options);
    for (const beta of [-0.75, 0]) {
      const values = new Map([
        ["one.laurel.beta", encodeNumbers("float", [beta])],
        ["one.laurel.alpha", encodeNumbers("float", [-1.5])],
      ]);
      const weighed = withWeights(model, values);
      const folded = await fold(weighed, { ort });
      expect(await apart(weighed, folded.model, { x: [2, 3, 8] })).toBeLessThan(ROUNDING);
      expect(folded.sites[0]).toMatchObject({ alpha: "folded", beta: "kept" });
      expect(folded.sites[0].reasons.map(({ code }) => code)).toContain("not-positive");
      expect(folded.sites[1].outcome).toBe("plain");
    }
  });

  it("weights that other nodes read too are cloned", async () => {
    const shared = preNorm
      .replace("f2 = Add(o, f)", "f2 = Add(o, f) zz = MatMul(n2, b)")
      .replace("=> (float[2, 3, 8] z)", "=> (float[2, 3, 8] z, float[2, 3, 8] zz)");
    const { model, folded, added } = await foldedOf(shared, { variant: "rw" }, { x: [2, 3, 8] });
    expect(added).toBe(0);
    expect(weightOf(folded.model, "b").data).toEqual(weightOf(model, "b").data);
  });

  it("a branch that is read elsewhere keeps α", async () => {
    const read = preNorm.replace("z = MatMul(n3, h)", "zz = Add(n3, f1) z = MatMul(zz, h)");
    const { folded, added } = await foldedOf(read, { variant: "rw" }, { x: [2, 3, 8] });
    expect(added).toBe(1);
    const { alpha, reasons } = folded.sites[0];
    expect(alpha).toBe("kept");
    expect(reasons.map(({ code }) => code)).toEqual(["branch-read-elsewhere"]);
  });

  it("a branch that ends in a nonlinearity keeps α, except one that a factor passes", async () => {
    const ends = (op: string) =>
      preNorm.replace("f1 = MatMul(q, b)", `g1 = MatMul(q, b) f1 = ${op}(g1)`);
    const kept = await foldedOf(ends("Tanh"), { variant: "rw" }, { x: [2, 3, 8] });
    expect(kept.folded.sites[0]).toMatchObject({ alpha: "kept", beta: "folded" });
    const passed = await foldedOf(ends("LeakyRelu"), { variant: "rw" }, { x: [2, 3, 8] });
    expect(passed.folded.sites[0]).toMatchObject({ alpha: "folded", beta: "folded" });
  });

  it("half precision is left unchanged, with a sentence", async () => {
    const half = preNorm.replaceAll("float[", "float16[");
    const { model } = await trained(half, { variant: "rw+lr" });
    const folded = await fold(model, { ort });
    expect(outcomes(folded)).toEqual(["kept", "kept"]);
    expect(folded.sites[0].reasons[0]).toMatchObject({ code: "half-precision" });
    expect(folded.model.toBytes()).toEqual(model.toBytes());
  });

  it("an epsilon that would leave single precision blocks the factor", async () => {
    const tiny = postNorm.replaceAll(
      "LayerNormalization(",
      "LayerNormalization<epsilon = 0.0000000000000000000000000000000000011>(",
    );
    const original = await openModel(modelOfText(tiny));
    const { model } = await laurelize(original, { ort, variant: "rw", normalize: "none" });
    const weighed = withWeights(
      model,
      new Map(["one", "two"].map((site) => [`${site}.laurel.beta`, encodeNumbers("float", [1.7])])),
    );
    const folded = await fold(weighed, { ort });
    expect(folded.sites.map(({ beta }) => beta)).toEqual(["kept", "kept"]);
    expect(await apart(weighed, folded.model, { x: [2, 3, 8] })).toBeLessThan(ROUNDING);
  });
});

/** A stream of images, then an operator, then what takes the factor in. */
const behind = (ops: string, weights = "") =>
  `${head} g (float[2, 8, 6, 6] x) => (float z)
  <float[8, 8, 1, 1] a, float[8, 8, 1, 1] b, int64[3] flat = {0, 8, -1}${weights}>
  { m = Conv(x, a) t = Tanh(m) f = Conv(t, b) [one] y = Add(f, x) ${ops} }`.replace(
    '["" : 17]',
    '["" : 17, "com.microsoft" : 1]',
  );

const conv = `, float[3, 8, 1, 1] w`;
const rows = `, float[8, 3] w`;
const last = "z = Conv(u, w)";
const product = "tt = Transpose<perm = [0, 2, 3, 1]>(u) z = MatMul(tt, w)";
const scalars = `, float one = {1}, float two = {2}, float eps = {0.01}, float[8] g, float[8] h`;

const tokens = "y3 = Reshape(y, flat) v = Transpose<perm = [0, 2, 1]>(y3)";
const sequence = "y3 = Reshape(y, flat) v = Transpose<perm = [2, 0, 1]>(y3)";

/** Operators behind a stream, and how many nodes folding adds: none where the factor passes or is taken in. */
const rules: readonly (readonly [title: string, ops: string, weights: string, added: number])[] = [
  ["Relu", `u = Relu(y) ${last}`, conv, 0],
  ["LeakyRelu", `u = LeakyRelu<alpha = 0.2>(y) ${last}`, conv, 0],
  ["PRelu", `u = PRelu(y, p) ${last}`, `${conv}, float[8, 1, 1] p`, 0],
  ["Abs and Neg", `v = Abs(y) u = Neg(v) ${last}`, conv, 0],
  ["Elu", `u = Elu(y) ${last}`, conv, 1],
  ["Sigmoid", `u = Sigmoid(y) ${last}`, conv, 1],
  ["Erf", `u = Erf(y) ${last}`, conv, 1],
  ["Clip between constants", `u = Clip(y, eps, two) ${last}`, conv + scalars, 0],
  ["MaxPool", `u = MaxPool<kernel_shape = [2, 2]>(y) ${last}`, conv, 0],
  ["AveragePool", `u = AveragePool<kernel_shape = [2, 2]>(y) ${last}`, conv, 0],
  ["GlobalAveragePool", `u = GlobalAveragePool(y) ${last}`, conv, 0],
  ["ReduceMax", `u = ReduceMax<axes = [2, 3]>(y) ${last}`, conv, 0],
  ["ReduceLogSum", `v = Abs(y) u = ReduceLogSum<axes = [2, 3]>(v) ${last}`, conv, 1],
  ["Conv", last.replace("u", "y"), conv, 0],
  ["ConvTranspose", "z = ConvTranspose(y, w)", `, float[8, 3, 1, 1] w`, 0],
  ["MatMul behind Transpose", product.replace("(u)", "(y)"), rows, 0],
  ["Gemm", "p = GlobalAveragePool(y) q = Flatten(p) z = Gemm(q, w, k)", `${rows}, float[3] k`, 0],
  [
    "Reshape, Slice and Concat",
    `r = Reshape(y, shape) s = Slice(r, from, to, axis) c = Concat<axis = 2>(s, r) z = MatMul(w, c)`,
    `, float[3, 8] w, int64[3] shape = {2, 8, 36}, int64[1] from = {3}, int64[1] to = {9}, int64[1] axis = {2}`,
    0,
  ],
  [
    "Concat with another stream",
    `c = Concat<axis = 1>(x, y) z = Conv(c, w)`,
    `, float[3, 16, 1, 1] w`,
    1,
  ],
  ["Sum with another stream", `u = Add(x, y) ${last}`, conv, 1],
  ["Sum of one stream with itself", `v = Relu(y) u = Add(v, y) ${last}`, conv, 0],
  ["Sum with a projection", `v = Conv(x, b) s = Add(v, y) u = Relu(s) ${last}`, conv, 0],
  ["Add of a constant", `u = Add(y, k) v = Relu(u) z = Conv(v, w)`, `${conv}, float[8, 1, 1] k`, 0],
  ["Mul by a constant", `v = Mul(y, k) u = Sigmoid(v) ${last}`, `${conv}, float[8, 1, 1] k`, 0],
  ["product of two", `v = Relu(y) u = Mul(v, y) ${last}`, conv, 0],
  [
    "Where with zeros",
    `c = Greater(x, zero) u = Where(c, y, zero) ${last}`,
    `${conv}, float zero = {0}`,
    0,
  ],
  ["Softmax", `u = Softmax(y) ${last}`, conv, 1],
  [
    "InstanceNormalization",
    `v = InstanceNormalization(y, g, h) u = Tanh(v) ${last}`,
    conv + scalars,
    0,
  ],
  [
    "BatchNormalization",
    `v = BatchNormalization(y, g, h, mean, var) u = Tanh(v) ${last}`,
    `${conv}${scalars}, float[8] mean, float[8] var = {1, 2, 1, 3, 1, 1, 1, 2}`,
    0,
  ],
  [
    "LayerNormalization",
    `v = Transpose<perm = [0, 2, 3, 1]>(y) n = LayerNormalization(v, g, h) z = MatMul(n, w)`,
    rows + scalars,
    0,
  ],
  [
    "LayerNormalization written out",
    `v = Transpose<perm = [0, 2, 3, 1]>(y) mu = ReduceMean<axes = [3]>(v) d = Sub(v, mu) sq = Pow(d, two) va = ReduceMean<axes = [3]>(sq) ve = Add(va, eps) sd = Sqrt(ve) n = Div(d, sd) ns = Mul(n, g) z = MatMul(ns, w)`,
    rows + scalars,
    0,
  ],
  [
    "RMSNorm written out",
    `v = Transpose<perm = [0, 2, 3, 1]>(y) sq = Mul(v, v) va = ReduceMean<axes = [3]>(sq) ve = Add(va, eps) sd = Sqrt(ve) rs = Div(one, sd) n = Mul(v, rs) ns = Mul(n, g) z = MatMul(ns, w)`,
    rows + scalars,
    0,
  ],
  [
    "a variance without a square root",
    `v = Transpose<perm = [0, 2, 3, 1]>(y) sq = Mul(v, v) va = ReduceMean<axes = [3]>(sq) ve = Add(va, eps) lo = Log(ve) z = Mul(lo, g)`,
    scalars,
    1,
  ],
  [
    "SimplifiedLayerNormalization",
    `v = Transpose<perm = [0, 2, 3, 1]>(y) n = SimplifiedLayerNormalization<epsilon = 0.1>(v, g) z = MatMul(n, w)`,
    rows + scalars,
    0,
  ],
  ["an output of the model", "z = Identity(y)", "", 1],
  [
    "RNN",
    `${sequence} z, hh = RNN<hidden_size = 4>(v, W, R)`,
    `, float[1, 4, 8] W, float[1, 4, 4] R`,
    0,
  ],
  [
    "GRU",
    `${sequence} z, hh = GRU<hidden_size = 4>(v, W, R, B)`,
    `, float[1, 12, 8] W, float[1, 12, 4] R, float[1, 24] B`,
    0,
  ],
  [
    "LSTM",
    `${sequence} z, hh = LSTM<hidden_size = 4>(v, W, R)`,
    `, float[1, 16, 8] W, float[1, 16, 4] R`,
    0,
  ],
  [
    "an initial state",
    `${sequence} r = ReduceMean<axes = [0], keepdims = 1>(v) c = Relu(x0) z, hh = RNN<hidden_size = 8>(c, W, R, "", "", r)`,
    `, float[1, 8, 8] W, float[1, 8, 8] R, float[5, 2, 8] x0`,
    1,
  ],
  [
    "Attention of com.microsoft",
    `${tokens} z = com.microsoft.Attention<num_heads = 2>(v, W, B)`,
    `, float[8, 24] W, float[24] B`,
    0,
  ],
  ["Einsum with weights", `${tokens} z = Einsum<equation = "bsd,de->bse">(v, w)`, rows, 0],
  ["Einsum of a stream with itself", `z = Einsum<equation = "bchw,bchw->b">(y, y)`, "", 1],
  ["Resize", `u = Resize(y, "", sizes) ${last}`, `${conv}, float[4] sizes = {1, 1, 2, 2}`, 0],
  [
    "Resize that fills in",
    `u = Resize<coordinate_transformation_mode = "tf_crop_and_resize", mode = "linear", extrapolation_value = 3.0>(y, roi, sizes) ${last}`,
    `${conv}, float[8] roi = {0, 0, -0.5, -0.5, 1, 1, 1.5, 1.5}, float[4] sizes = {1, 1, 2, 2}`,
    1,
  ],
  ["FusedConv with a Relu", `z = com.microsoft.FusedConv<activation = "Relu">(y, w)`, conv, 0],
  [
    "FusedConv in the branch",
    `v = com.microsoft.FusedConv<activation = "Relu">(y, w, k) fb = Identity(v) s = Add(fb, y) n = Tanh(s) z = Conv(n, w)`,
    `, float[8, 8, 1, 1] w, float[8] k`,
    1,
  ],
  [
    "SkipLayerNormalization",
    `${tokens} p = MatMul(v, q) n = com.microsoft.SkipLayerNormalization(v, p, g, h) z = MatMul(n, w)`,
    `${rows}${scalars}, float[8, 8] q`,
    0,
  ],
  [
    "SkipSimplifiedLayerNormalization",
    // So small that a wrong default of epsilon shows.
    `${tokens} v2 = Mul(v, tiny) p = MatMul(v2, q) n = com.microsoft.SkipSimplifiedLayerNormalization(v2, p, g) z = MatMul(n, w)`,
    `${rows}${scalars}, float[8, 8] q, float tiny = {0.0001}`,
    0,
  ],
  ["DepthToSpace", `u = DepthToSpace<blocksize = 2>(y) ${last}`, `, float[3, 2, 1, 1] w`, 0],
  [
    "Split and Gather",
    `s, t2 = Split<axis = 1>(y) u = Gather<axis = 1>(s, at) ${last}`,
    `, float[3, 2, 1, 1] w, int64[2] at = {2, 0}`,
    0,
  ],
  ["LpNormalization", `u = LpNormalization<axis = 1>(y) ${last}`, conv, 0],
  ["ReduceL2 and Div", `l = ReduceL2<axes = [1]>(y) u = Div(y, l) ${last}`, conv, 0],
  ["Exp", `u = Exp(y) ${last}`, conv, 1],
  [
    "a padding of zeros",
    `u = Pad(y, pads) ${last}`,
    `${conv}, int64[8] pads = {0, 0, 1, 1, 0, 0, 1, 1}`,
    0,
  ],
  [
    "a padding of ones",
    `u = Pad(y, pads, one) ${last}`,
    `${conv}${scalars}, int64[8] pads = {0, 0, 1, 1, 0, 0, 1, 1}`,
    1,
  ],
];

const integers = (count: number) =>
  `{${Array.from({ length: count }, (_, k) => ((k * 37) % 255) - 127).join(", ")}}`;

/** A stream that is quantized before it is read, and whose branch is. */
const quantized = `${head} g (float[2, 8, 5, 5] x) => (float[2, 4, 5, 5] z)
  <int8[8, 8, 3, 3] a = ${integers(576)}, int8[8, 8, 1, 1] b = ${integers(64)}, int8[4, 8, 1, 1] w = ${integers(32)}, float sw = {0.0123}, int8 zero = {0},
   float sx = {0.02}, float sm = {0.031}, float sf = {0.027}, float sy = {0.043}, float sz = {0.037}>
  { xq = QuantizeLinear(x, sx, zero) xd = DequantizeLinear(xq, sx, zero)
    ad = DequantizeLinear(a, sw, zero) m = Conv<pads = [1, 1, 1, 1]>(xd, ad) r = Relu(m)
    rq = QuantizeLinear(r, sm, zero) rd = DequantizeLinear(rq, sm, zero)
    bd = DequantizeLinear(b, sw, zero) c = Conv(rd, bd) cq = QuantizeLinear(c, sf, zero)
    f = DequantizeLinear(cq, sf, zero) [one] y = Add(f, xd)
    yq = QuantizeLinear(y, sy, zero) yd = DequantizeLinear(yq, sy, zero) wd = DequantizeLinear(w, sw, zero)
    o = Conv(yd, wd) zq = QuantizeLinear(o, sz, zero) z = DequantizeLinear(zq, sz, zero) }`;

describe("a quantized model", () => {
  it("takes α and β into the scales of its integers, and no integer changes", async () => {
    const { model, folded, added } = await foldedOf(
      quantized,
      { variant: "rw" },
      { x: [2, 8, 5, 5] },
    );
    expect(added).toBe(0);
    expect(outcomes(folded)).toEqual(["plain"]);
    expect(weightOf(folded.model, "a").data).toEqual(weightOf(model, "a").data);
    expect(folded.maps).toBeNull();
  });

  it("reports what the low-rank maps, which stay in float, cost", async () => {
    const { folded } = await foldedOf(quantized, { variant: "rw+lr" }, { x: [2, 8, 5, 5] });
    expect(outcomes(folded)).toEqual(["low-rank"]);
    // 25 places, two images: 8 x 2 and 2 x 8 beside 8 x 8 x 9, 8 x 8 and 4 x 8.
    const [maps, model] = [50 * (16 + 16), 50 * (576 + 64 + 32)];
    expect(folded.maps).toEqual({ multiplyAdds: maps, share: maps / model, quantized: true });
  });
});

describe("how a factor goes through an operator", () => {
  it.each(rules)("%s", async (_, ops, weights, added) => {
    const options = { variant: "rw", featureAxis: 1 } as LaurelOptions;
    const result = await foldedOf(behind(ops, weights).replace("float z", "float[] z"), options, {
      x: [2, 8, 6, 6],
    });
    expect(result.added).toBe(added);
    expect(result.folded.factors).toBe(added);
  });
});

describe("an untrained model", () => {
  it.each(["rw+lr", "rw+lr+pa", "pa"] as const)(
    "%s is the original again, byte for byte",
    async (variant) => {
      const bytes = fixture("pre-norm-mlp");
      const { model } = await laurelize(await openModel(bytes), { ort, variant });
      const folded = await fold(model, { ort });
      expect(folded.restored).toBe(true);
      expect(Buffer.from(folded.model.toBytes()).equals(bytes)).toBe(true);
      expect(new Set(outcomes(folded))).toEqual(new Set(["plain"]));
    },
  );

  it("whose original cannot be checked has the original's nodes again", async () => {
    const original = await openModel(modelOfText(preNorm));
    const { model } = await laurelize(original, { ort, variant: "rw+lr", hash: false });
    const folded = await fold(model, { ort });
    expect(folded.restored).toBe(false);
    expect(nodes(folded.model)).toBe(nodes(original));
    expect(folded.model.weights).toBe(original.weights);
  });

  it("folds site by site: those that do nothing are plain sums", async () => {
    const { model } = await laurelize(await openModel(modelOfText(preNorm)), {
      ort,
      variant: "rw",
    });
    const one = withWeights(
      model,
      new Map([["two.laurel.w", encodeNumbers("float", [0.3, -0.2])]]),
    );
    const folded = await fold(one, { ort });
    expect(folded.sites.map(({ alpha, beta }) => `${alpha} ${beta}`)).toEqual([
      "none none",
      "folded folded",
    ]);
  });
});

describe("a folded model", () => {
  it("says what it is, and is refused if LAuReL weights are needed", async () => {
    const { model } = await trained(preNorm, { variant: "rw+lr" });
    const { model: folded } = await fold(model, { ort });
    const record = JSON.parse(folded.metadata.get("laurelize.folded")!);
    expect(record).toMatchObject({ variant: "rw+lr", sites: ["one", "two"] });
    expect(folded.metadata.has("laurelize")).toBe(false);
    await expect(strip(folded)).rejects.toThrow("is folded");
    await expect(fold(folded, { ort })).rejects.toThrow("is folded");
    await expect(extractAdapter(folded)).rejects.toThrow("is folded");
  });

  it("comes out the same bytes every time", async () => {
    const { model } = await trained(convolutional, { variant: "rw+lr" });
    const [a, b] = [await fold(model, { ort }), await fold(model, { ort })];
    expect(Buffer.from(a.model.toBytes()).equals(b.model.toBytes())).toBe(true);
  });

  it("is not made of a plain model, or of one that was laurelized twice", async () => {
    const plain = await openModel(modelOfText(preNorm));
    await expect(fold(plain, { ort })).rejects.toThrow("is not laurelized");
    const { model } = await laurelize(plain, { ort, variant: "rw" });
    const twice = await laurelize(model, { ort, variant: "lr", again: true });
    await expect(fold(twice.model, { ort })).rejects.toThrow("2 times");
  });
});

describe("the command line", () => {
  const folder = temporaryFolder();
  const file = (name: string) => path.join(folder, name);

  it("folds, proves and writes", async () => {
    const { model } = await trained(preNorm, { variant: "rw+lr" });
    await saveModel(model, file("m.laurel.onnx"));
    const { code, stdout, stderr } = cli(["fold", file("m.laurel.onnx"), "-o", file("d.onnx")]);
    expect(`${code} ${stderr}`).toBe("0 ");
    expect(stdout).toContain("same function");
    expect(stdout).toContain("same in float64");
    expect(stdout).toContain("  one   α folded, β folded, low-rank map kept");
    const written = await openModel(file("d.onnx"));
    expect(await apart(model, written, { x: [2, 3, 8] })).toBeLessThan(ROUNDING);
    const again = cli(["fold", file("m.laurel.onnx"), "-o", file("d.onnx")]);
    expect(again.code).toBe(2);
    const json = cli(["fold", file("m.laurel.onnx"), "-o", file("d.onnx"), "--force", "--json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({ factors: 0, proof: { passed: true } });
    expect(cli(["fold", file("m.laurel.onnx"), "-f", "-q", "-o", file("d.onnx")]).stdout).toBe("");
  });

  it("refuses a plain model and writes nothing", async () => {
    fs.writeFileSync(file("plain.onnx"), modelOfText(preNorm));
    const { code, stderr } = cli(["fold", file("plain.onnx"), "-o", file("none.onnx")]);
    expect(code).toBe(2);
    expect(stderr).toContain("is not laurelized");
    expect(fs.existsSync(file("none.onnx"))).toBe(false);
  });

  it("takes the data files of an untrained model along, and replaces none that is there", async () => {
    const wide = `${head} g (float[N, 32] x) => (float[N, 32] y) <float[32, 32] w>
      { f = MatMul(x, w) t = Tanh(f) [one] s = Add(x, t) y = Tanh(s) }`;
    const [home, away] = ["home", "away"].map(file);
    for (const each of [home, away]) fs.mkdirSync(each);
    const split = splitModel(await openModel(modelOfText(wide)), "m.onnx", 10_000);
    await saveModel(split, path.join(home, "m.onnx"));
    // The data of the laurelized model has the name that the original's has.
    const laurel = path.join(away, "m.onnx");
    expect(cli([path.join(home, "m.onnx"), "--copy-data", "-o", laurel]).code).toBe(0);
    const there = file("there");
    fs.mkdirSync(there);
    fs.writeFileSync(path.join(there, "m.onnx_data"), "mine");
    const args = ["fold", laurel, "--copy-data", "-o", path.join(there, "m.onnx")];
    expect(cli(args)).toMatchObject({ code: 2, stderr: expect.stringContaining("m.onnx_data") });
    expect(fs.readFileSync(path.join(there, "m.onnx_data"), "utf8")).toBe("mine");
    expect(fs.readdirSync(there)).toEqual(["m.onnx_data"]);
    expect(cli([...args, "--force"])).toMatchObject({ code: 0 });
    for (const name of ["m.onnx", "m.onnx_data"])
      expect(
        fs.readFileSync(path.join(there, name)).equals(fs.readFileSync(path.join(home, name))),
      ).toBe(true);
    // Once it is trained, it is also folded in float64, its data with it.
    const folded = await fold(tuned(await openModel(laurel), 3), { ort });
    expect((await proveFold(folded, { ort })).float64.outcome).toBe("passed");
  });

  it("applies an adapter and folds in one step", async () => {
    const { original, model } = await trained(preNorm, { variant: "rw" });
    await saveModel(original, file("o.onnx"));
    const known = await openModel(file("o.onnx"));
    const { model: laurel } = await laurelize(known, { ort, variant: "rw" });
    await saveAdapter(await extractAdapter(tuned(laurel, 3)), file("a.safetensors"));
    const args = ["apply", file("o.onnx"), file("a.safetensors"), "--fold", "-o", file("t.onnx")];
    const { code, stdout, stderr } = cli(args);
    expect(`${code} ${stderr}`).toBe("0 ");
    expect(stdout).toContain("folded and proved");
    const written = await openModel(file("t.onnx"));
    expect(nodes(written)).toBe(nodes(original));
    expect(await apart(model, written, { x: [2, 3, 8] })).toBeLessThan(ROUNDING);
    const both = cli([...args, "-f", "--weights", "as-inputs"]);
    expect(both.code).toBe(2);
  });
});
