import path from "node:path";
import { differentiate, finetune, laurelize, type Model, openModel, stepGraph } from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { typeOfInfo } from "../src/graph/graph.ts";
import { uniform } from "../src/graph/random.ts";
import { temporaryFolder } from "./support/fixture.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { sessionOn } from "./support/session.ts";

const BLOCKS = 12;
const ROWS = 4;

/** Residual blocks, and a head. */
const blocks = Array.from(
  { length: BLOCKS },
  (_, k) =>
    `h${k} = MatMul(x${k}, u${k}) r${k} = Relu(h${k}) f${k} = MatMul(r${k}, d${k}) [add${k}] x${k + 1} = Add(x${k}, f${k})`,
);
const weights = Array.from({ length: BLOCKS }, (_, k) => `float[8, 16] u${k}, float[16, 8] d${k}`);
const text = `<ir_version: 8, opset_import: ["" : 17]> g (float[N, 8] x0) => (float[N, 3] y) <${weights}, float[8, 3] head> { ${blocks.join(" ")} y = MatMul(x${BLOCKS}, head) }`;

const options = { ort, loss: "cross-entropy" } as const;
const target = { name: "labels", type: { dtype: "int64", shape: [ROWS] } };

/** The operators of the backward pass of a step that trains the last sites alone. */
async function backward(last: number, train?: string[]): Promise<string[]> {
  const { model } = await laurelize(await openModel(modelOfText(text)), {
    ort,
    variant: "rw+lr",
    rank: 2,
    featureAxis: 1,
    last,
  });
  const inputs = { x0: [ROWS, 8] };
  const { gradients } = await stepGraph(model, { ...options, target, inputs, train });
  const isBackward = (name: string | undefined) => /\.grad(\.|_|$)/.test(name ?? "");
  return gradients.graph.main.nodes
    .filter(({ message }) => isBackward(message.outputs[0]))
    .map(({ message }) => message.outputs[0]);
}

/** A model as onnxruntime runs it. */
async function optimized(model: Model): Promise<Model> {
  const file = path.join(temporaryFolder(), "optimized.onnx");
  const how = { optimizedModelFilePath: file, logSeverityLevel: 4 } as const;
  await (await ort.InferenceSession.create(model.toBytes(), how)).release();
  return openModel(file);
}

describe("a step costs what is trained", () => {
  it("in proportion to the sites: the last 2 and 4 of 12", async () => {
    const [two, four, six] = [await backward(2), await backward(4), await backward(6)];
    // The same number of nodes for each further site; the first of them passes nothing on.
    expect(four.length - two.length).toBe(six.length - four.length);
    expect(two.length).toBeLessThan((six.length * 2) / 6 + 12);
  });

  it("differentiates nothing in front of the first trained weight, and keeps nothing of it", async () => {
    const names = await backward(2);
    const early = Array.from({ length: BLOCKS - 2 }, (_, k) => [`x${k}`, `h${k}`, `f${k}`]).flat();
    for (const name of early)
      expect(names.filter((one) => one.startsWith(`${name}.grad`))).toEqual([]);
    const further = await backward(2, ["u9"]);
    expect(further.length).toBeGreaterThan(names.length);
    expect(further.some((name) => name.startsWith("x9.grad"))).toBe(false);
  });

  it("has the gradient of a weight as soon as it can, in onnxruntime's order of nodes", async () => {
    const { model } = await laurelize(await openModel(modelOfText(text)), {
      ...{ ort, variant: "rw+lr", rank: 2, featureAxis: 1 },
    });
    const { whole } = await stepGraph(model, { ...options, target, inputs: { x0: [ROWS, 8] } });
    const { nodes } = (await optimized(whole)).graph.main;
    const places = nodes.flatMap(({ op, message }, k) =>
      op === "Flatten" && message.name.startsWith("norm.") ? [k] : [],
    );
    expect(places).toHaveLength(3 * BLOCKS);
    // Each block's three weights behind those of the next, with its part of the backward pass between.
    const gaps = places.slice(1).map((place, k) => place - places[k]);
    expect(gaps.filter((gap) => gap > 3).length).toBeGreaterThanOrEqual(BLOCKS - 1);
  });
});

describe("a gradient is written in few operators", () => {
  const operators = async (body: string, given: string, wrt: string) => {
    const model = await openModel(
      modelOfText(
        `<ir_version: 8, opset_import: ["" : 17]> g (float[2, 6] x) => (float[2, 6] y) <float[6] w, ${given}> { a = Mul(x, w) ${body} }`,
      ),
    );
    const { model: made } = await differentiate(model, { ort, wrt: [wrt] });
    return made.graph.main.nodes.filter(({ message }) => message.outputs[0].includes(".grad"));
  };

  it("that of a value cut into parts is put together, whatever factor a part has", async () => {
    const nodes = await operators(
      "p, q, r = Split <axis = 1> (a, sizes) s = Mul(q, two) t = Tanh(p) u = Sin(r) y = Concat <axis = 1> (u, t, s)",
      "int64[3] sizes = {2, 2, 2}, float two = {2.0}",
      "w",
    );
    expect(nodes.map(({ op }) => op)).not.toContain("Pad");
    const sliced = await operators(
      "p = Slice(a, n0, n3, n1) q = Slice(a, n3, n6, n1) s = Mul(q, two) t = Tanh(p) y = Concat <axis = 1> (s, t)",
      "int64[1] n0 = {0}, int64[1] n1 = {1}, int64[1] n3 = {3}, int64[1] n6 = {6}, float two = {2.0}",
      "w",
    );
    expect(sliced.map(({ op }) => op)).not.toContain("Pad");
    expect(sliced.map(({ op }) => op)).toContain("Concat");
    const overlapping = await operators(
      "p = Slice(a, n0, n3, n1) q = Slice(a, n2, n5, n1) s = Mul(q, two) t = Tanh(p) y = Concat <axis = 1> (s, t)",
      "int64[1] n0 = {0}, int64[1] n1 = {1}, int64[1] n2 = {2}, int64[1] n3 = {3}, int64[1] n5 = {5}, float two = {2.0}",
      "w",
    );
    expect(overlapping.map(({ op }) => op)).toContain("Pad");
  });

  it("that of a Clip between constants reads its output alone, so that it stays fused", async () => {
    const nodes = await operators(
      "y = Clip(a, low, high)",
      "float low = {0.0}, float high = {6.0}",
      "w",
    );
    const reads = nodes.flatMap(({ message }) => message.inputs);
    expect(reads).toContain("y");
    expect(reads).not.toContain("a");
  });

  it("that of a mean is not copied in front of a Relu, but is where something else reads it", async () => {
    const mean = (op: string) => operators(`r = ${op}(a) y = ReduceMean <axes = [1]> (r)`, "", "w");
    expect((await mean("Relu")).map(({ op }) => op)).not.toContain("Expand");
    expect((await mean("Softmax")).map(({ op }) => op)).toContain("Expand");
  });

  it("that of keys, which a Transpose turns, is computed as they are before it", async () => {
    const transposes = async (y: string) => {
      const model = await openModel(
        modelOfText(
          `<ir_version: 8, opset_import: ["" : 17]> g (float[2, 4, 6] x) => (float[2, 4, 4] y) <float[6] w> { a = Mul(x, w) k = Transpose <perm = [0, 2, 1]> (a) ${y} }`,
        ),
      );
      const { model: made } = await differentiate(model, { ort, wrt: ["w"] });
      return (await optimized(made)).graph.main.nodes.filter(({ op }) => op === "Transpose").length;
    };
    expect(await transposes("y = MatMul(x, k)")).toBe(0);
    expect(
      await transposes("r = Relu(k) s = MatMul(x, k) t = MatMul(x, r) y = Add(s, t)"),
    ).toBeGreaterThan(0);
  });

  it("that of an activation of an image has only operators that keep onnxruntime's layout", async () => {
    const activations = [
      "e = HardSwish(i)",
      "e = LeakyRelu <alpha = 0.1> (i)",
      "e = Sigmoid(i)",
      "e = Tanh(i)",
      "s = Sigmoid(i) e = Mul(i, s)",
    ];
    const shapes = "int64[4] image = {1, 2, 2, 3}, int64[2] flat = {2, 6}";
    for (const activation of activations) {
      const body = (form: string) => `i = Reshape(a, ${form}) ${activation} y = Reshape(e, flat)`;
      const [image, rows] = await Promise.all(
        ["image", "flat"].map((form) => operators(body(form), shapes, "w")),
      );
      const slopes = new Set(image.map(({ op }) => op));
      // The last three add up what w gets, and name it.
      const kept =
        "Reshape HardSigmoid BatchNormalization Add Mul ReduceSum Squeeze Identity".split(" ");
      expect([...slopes].filter((op) => !kept.includes(op))).toEqual([]);
      expect(slopes).toContain("BatchNormalization");
      expect(rows.map(({ op }) => op)).not.toContain("BatchNormalization");
    }
  });

  it("that of a gate of an image multiplies no single positions by a number", async () => {
    const isNumber = (name = "") => /^grad\.[\d.]+(_\d+)?$/.test(name);
    for (const mean of ["GlobalAveragePool(i)", "ReduceMean <axes = [2, 3]> (i)"]) {
      const nodes = await operators(
        `i = Reshape(a, image) p = ${mean} s = HardSigmoid(p) m = Mul(i, s) y = Reshape(m, flat)`,
        "int64[4] image = {1, 2, 2, 3}, int64[2] flat = {2, 6}",
        "w",
      );
      const scaled = nodes.filter(
        ({ op, inputs }) => /^(Add|Sub|Mul|Div)$/.test(op) && inputs.some((v) => isNumber(v?.name)),
      );
      const read = scaled.map(({ op, inputs }) => [op, inputs[0]!.producer!.op]);
      expect(read).toEqual([["Div", "Reshape"]]);
    }
  });

  it("in a step, a HardSwish that is written out is a HardSigmoid and a product", async () => {
    const written =
      "a3 = Add(h3, three) c3 = Clip(a3, zero, six) m3 = Mul(h3, c3) r3 = Div(m3, six)";
    const numbers = "float zero = {0.0}, float three = {3.0}, float six = {6.0}";
    const given = text
      .replace("r3 = Relu(h3)", written)
      .replace("<float[8, 16]", `<${numbers}, float[8, 16]`);
    const { model } = await laurelize(await openModel(modelOfText(given)), {
      ort,
      variant: "rw",
      featureAxis: 1,
    });
    const before = new Set(model.graph.main.nodes.map(({ op }) => op));
    const { whole } = await stepGraph(model, { ...options, target, inputs: { x0: [ROWS, 8] } });
    const { values } = whole.graph.main;
    expect(before).toContain("Clip");
    expect(values.has("c3")).toBe(false);
    const [x, h] = values.get("r3")!.producer!.inputs;
    expect([x!.name, h!.producer!.op]).toEqual(["h3", "HardSigmoid"]);
  });

  it("in a step, frozen BatchNormalizations are part of their Conv, and trained ones are products", async () => {
    const image = (body: string) =>
      `<ir_version: 8, opset_import: ["" : 17]> g (float[N, 68, 6, 6] x0) => (float[N, 3] y) <float[68, 68, 1, 1] u, float[68, 1, 3, 3] w, float[68] s, float[68] t, float[68] m, float[68] v, float[68, 3] head> { a = Conv(x0, u) x = Add(x0, a) c = Conv<group = 68, pads = [1, 1, 1, 1]>(x, w) ${body} z = Add(x, r) p = ReduceMean<axes = [2, 3], keepdims = 0>(z) y = MatMul(p, head) }`;
    const step = async (body: string, train?: string[]) => {
      const given = await openModel(modelOfText(image(body)));
      const { model } = await laurelize(given, { ort, variant: "rw", featureAxis: 1 });
      const inputs = { x0: [ROWS, 68, 6, 6] };
      const { whole } = await stepGraph(model, { ...options, target, inputs, train });
      const { nodes, values } = whole.graph.main;
      const count = (wanted: string) => nodes.filter(({ op }) => op === wanted).length;
      return { left: count("BatchNormalization"), maker: values.get("b")!.producer! };
    };
    const plain = await step("b = BatchNormalization(c, s, t, m, v) r = Relu(b)");
    expect([plain.left, plain.maker.op, plain.maker.inputs[0]!.name]).toEqual([0, "Conv", "x"]);
    const trained = await step("b = BatchNormalization(c, s, t, m, v) r = Relu(b)", ["s"]);
    expect(trained.maker.op).toBe("BatchNormalization");
    const readTwice = await step("b = BatchNormalization(c, s, t, m, v) r = Mul(b, c)");
    expect(readTwice.maker.op).toBe("BatchNormalization");
  });

  it("in a step, frozen LayerNormalizations are part of the linear layers behind them", async () => {
    const layers = [
      // Nothing in front of it is trained.
      "m0 = MatMul(n0, w0)",
      "c1 = MatMul(n1, w1) m1 = Add(b, c1)",
      "q2 = Reshape(n2, rows) m2 = Gemm(q2, w2, b)",
      "m3 = Gemm<transB = 1>(n3, w3, b)",
      // Read elsewhere too, a weight that two layers share, and a layer that would gain a bias.
      "c4 = MatMul(n4, w4) o4 = ReduceMean<axes = [1]>(n4) m4 = Add(o4, c4)",
      "c5 = MatMul(n5, w5) e5 = MatMul(x5, w5) m5 = Add(e5, c5)",
      "m6 = MatMul(n6, w6)",
    ];
    const body = layers.map(
      (layer, k) =>
        `n${k} = LayerNormalization(x${k}, s${k}, t${k}) ${layer} r${k} = Relu(m${k}) f${k} = MatMul(r${k}, v${k}) x${k + 1} = Add(x${k}, f${k})`,
    );
    const given = layers.map(
      (_, k) =>
        `float[8] s${k}, float[8] t${k}, float[${k === 3 ? "12, 8" : "8, 12"}] w${k}, float[12, 8] v${k}`,
    );
    const tokens = `<ir_version: 8, opset_import: ["" : 17]> g (float[N, 8] x0) => (float[N, 3] y) <${given}, float[12] b, int64[2] rows = {-1, 8}, float[8, 3] head> { ${body.join(" ")} y = MatMul(x7, head) }`;
    const { model } = await laurelize(await openModel(modelOfText(tokens)), {
      ...{ ort, variant: "rw+lr", rank: 2, featureAxis: 1 },
    });
    const { whole } = await stepGraph(model, { ...options, target, inputs: { x0: [ROWS, 8] } });
    const norms = whole.graph.main.nodes.filter(({ op }) => op === "LayerNormalization");
    const forward = norms.filter(({ outputs }) => !outputs[0]!.name.includes(".grad"));
    const left = forward.flatMap(({ inputs: [x, , bias] }) => (bias ? [x!.name] : []));
    expect([forward.length, new Set(left)]).toEqual([7, new Set(["x0", "x4", "x5", "x6"])]);
    expect(norms.length - forward.length).toBe(3);
    // A rule of a user leaves the forward pass as it is.
    const steps = [undefined, { "com.example.None": () => [] }].map(async (rules) => {
      const x0 = new ort.Tensor(
        "float32",
        Float32Array.from({ length: 8 * ROWS }, (_, k) => Math.sin(3 * k)),
        [ROWS, 8],
      );
      const labels = new ort.Tensor("int64", BigInt64Array.of(0n, 2n, 1n, 1n), [ROWS]);
      const trainer = finetune(model, { ...options, target: "labels", rules });
      const { value } = await trainer.over([{ x0, labels }]).next();
      return [value!.loss, value!.norm];
    });
    const [written, plain] = await Promise.all(steps);
    for (const [k, figure] of written.entries()) expect(figure / plain[k]).toBeCloseTo(1, 5);
  });

  it("in a step, the last layer computes the positions alone that are read of it", async () => {
    const layer = (k: number) => [
      `n${k} = LayerNormalization(x${k}, s, t) q${k} = MatMul(n${k}, wq) c${k} = MatMul(n${k}, wk) k${k} = Transpose<perm = [0, 2, 1]>(c${k})`,
      `a${k} = MatMul(q${k}, k${k}) p${k} = Softmax<axis = -1>(a${k}) m${k} = MatMul(p${k}, n${k}) f${k} = MatMul(m${k}, wv) z${k} = Add(x${k}, f${k})`,
      `l${k} = Reshape(z${k}, rows) g${k} = Gemm(l${k}, u, b) e${k} = Erf(g${k}) i${k} = Gemm(e${k}, d) j${k} = Reshape(i${k}, tokens) x${k + 1} = Add(z${k}, j${k})`,
    ];
    const weights =
      "float[8] s, float[8] t, float[8, 8] wq, float[8, 8] wk, float[8, 8] wv, float[8, 12] u, float[12] b, float[12, 8] d, float[8, 3] head";
    const numbers =
      "int64 first = {0}, int64 second = {1}, int64[2] rows = {-1, 8}, int64[3] tokens = {-1, 6, 8}, int64[1] from = {-2}, int64[1] end = {9}, int64[1] all = {0}, int64[1] axis = {1}";
    const step = async (reads: string, more: object = {}) => {
      const given = `<ir_version: 8, opset_import: ["" : 17]> g (float[N, 6, 8] x0) => (float[N, 3] y) <${weights}, ${numbers}> { ${[0, 1].flatMap(layer).join(" ")} ${reads} y = MatMul(r, head) }`;
      const { model } = await laurelize(await openModel(modelOfText(given)), {
        ...{ ort, variant: "rw+lr", rank: 2, featureAxis: 2 },
      });
      const inputs = { x0: [ROWS, 6, 8] };
      const made = await stepGraph(model, { ...options, target, inputs, ...more });
      const names = made.gradients.graph.main.nodes.map(({ outputs }) => outputs[0]!.name);
      const narrow = names
        .filter((name) => /^[a-z]\d\.read/.test(name))
        .map((name) => name.slice(0, 2));
      return { made, narrow: new Set(narrow) };
    };
    const last = ["q1", "a1", "p1", "m1", "f1", "z1", "l1", "g1", "e1", "i1", "j1", "x2"];
    for (const reads of [
      "r = Gather<axis = 1>(x2, first)",
      "w = Slice(x2, from, end, axis) r = ReduceMean<axes = [1], keepdims = 0>(w)",
    ]) {
      const { made, narrow } = await step(reads);
      // Keys and values come from all tokens.
      expect(narrow).toEqual(new Set(last));
      const { made: plain } = await step(reads, {
        rules: { Identity: ({ g }: { g: string }) => [g] },
      });
      await expectSameGradients(made, plain);
    }
    const fewReads = [
      "r = ReduceMean<axes = [1], keepdims = 0>(x2)",
      "w = Gather<axis = 1>(x2, first) v = Gather<axis = 1>(x2, second) r = Add(w, v)",
      "w = Slice(x2, all, end, axis) r = ReduceMean<axes = [1], keepdims = 0>(w)",
    ];
    for (const reads of fewReads) expect((await step(reads)).narrow).toEqual(new Set());
  });

  it("in a step on large images, a site and its branch are one Conv, and no bracket is kept", async () => {
    const block = (k: number) =>
      `c${k} = Conv(x${k}, d${k}) r${k} = Relu(c${k}) f${k} = Conv(r${k}, u${k}, b${k}) s${k} = Add(x${k}, f${k}) x${k + 1} = Relu(s${k})`;
    const weights = [0, 1].map(
      (k) => `float[4, 16, 1, 1] d${k}, float[16, 4, 1, 1] u${k}, float[16] b${k}`,
    );
    const given = `<ir_version: 8, opset_import: ["" : 17]> g (float[N, 16, S, S] x0) => (float[N, 3] y) <${weights}, float[16, 3] head> { ${[0, 1].map(block).join(" ")} p = ReduceMean<axes = [2, 3], keepdims = 0>(x2) y = MatMul(p, head) }`;
    const laurelized = await laurelize(await openModel(modelOfText(given)), {
      ...{ ort, variant: "rw+lr", rank: 2, featureAxis: 1 },
    });
    const step = async (size: number, more: object = {}) => {
      const inputs = { x0: [ROWS, 16, size, size] };
      const made = await stepGraph(laurelized.model, { ...options, target, inputs, ...more });
      const { nodes, values } = made.gradients.graph.main;
      const isJoined = ({ op, inputs }: (typeof nodes)[number]) =>
        op === "Conv" && inputs.slice(0, 2).every((value) => value?.producer?.op === "Concat");
      const joined = nodes.filter(isJoined).map(({ outputs }) => outputs[0]!.name);
      const forward = joined.filter((name) => !name.includes(".grad")).length;
      const { op, inputs: addends } = values.get("s1")!.producer!;
      const last = addends[0]?.producer;
      const isLast = op === "Add" && last?.op === "Conv";
      const kernel = last?.inputs[1]?.producer;
      // The gradient of a sum is read once, for what the branch and the low-rank map read.
      const isShared = ({ op, outputs }: (typeof nodes)[number]) =>
        op === "Conv" && outputs[0]!.name.endsWith("Concat.grad");
      const shared = nodes.filter(isShared).length;
      return { made, forward, backward: joined.length - forward, isLast, kernel, shared };
    };
    const large = await step(20);
    // The gradient of x1 is the sum of both convolutions of the second block.
    expect([large.forward, large.backward, large.isLast, large.shared]).toEqual([2, 1, true, 2]);
    // All gradients of the last site come first, from the end of the row; α and β have a factor behind.
    const { nodes } = large.made.whole.graph.main;
    const row = nodes.filter(({ message }) => message.name.startsWith("norm.Flatten"));
    const ofWeights = row.map(({ inputs }) => inputs[0]!.name.slice(0, 2));
    expect(ofWeights).toEqual(["s0", "s0", "s0", "s1", "s1", "s1"]);
    const small = await step(19);
    expect([small.forward, small.backward, small.isLast, small.shared]).toEqual([0, 0, true, 0]);
    // The kernel is multiplied by β as a vector.
    expect([small.kernel?.op, small.kernel?.inputs[0]?.producer?.op]).toEqual(["Reshape", "Mul"]);
    const trained = await step(20, { train: ["u0"] });
    expect([trained.forward, trained.backward]).toEqual([1, 1]);
    // A rule of one's own leaves the model as it is.
    const rules = { Identity: ({ g }: { g: string }) => [g] };
    const plain = await step(20, { rules });
    expect([plain.forward, plain.backward, plain.isLast]).toEqual([0, 0, false]);
    await expectSameGradients(large.made, plain.made);
    // onnxruntime adds within the Convs of trained kernels: two sums of sites, and the gradient of x1.
    const added = async ({ made }: typeof large) => {
      const { nodes } = (await optimized(made.whole)).graph.main;
      const sums = nodes.filter(
        ({ op, inputs }) => op.endsWith("FusedConv") && inputs.length === 4,
      );
      return sums.map(({ outputs }) => outputs[0]!.name);
    };
    expect(await added(large)).toEqual(["x1", "x2", "x1.grad"]);
    expect(await added(small)).toEqual(["x1", "x2", "x1.grad"]);
    expect(await added(plain)).not.toContain("x1");
  });

  it("leaves the number of images open, between whose values onnxruntime plans no buffers; not if they are large", async () => {
    const block = (k: number) =>
      `c${k} = Conv(x${k}, d${k}) r${k} = Relu(c${k}) f${k} = Conv(r${k}, u${k}) x${k + 1} = Add(x${k}, f${k})`;
    const weights = [0, 1].map((k) => `float[8, 16, 1, 1] d${k}, float[16, 8, 1, 1] u${k}`);
    const given = `<ir_version: 8, opset_import: ["" : 17]> g (float[N, 16, S, S] x0) => (float[N, 3] y) <${weights}, float[16, 3] head> { ${[0, 1].map(block).join(" ")} p = ReduceMean<axes = [2, 3], keepdims = 0>(x2) y = MatMul(p, head) }`;
    const { model } = await laurelize(await openModel(modelOfText(given)), {
      ...{ ort, variant: "rw+lr", rank: 2, featureAxis: 1 },
    });
    const step = async (size: number) => {
      const opened: Uint8Array[] = [];
      const create = (bytes: Uint8Array, how: object) => {
        opened.push(bytes);
        return ort.InferenceSession.create(bytes, how);
      };
      const own = { ...ort, InferenceSession: { create } } as unknown as typeof ort;
      const trainer = finetune(model, { ...options, ort: own, target: "labels" });
      const pixels = Float32Array.from({ length: ROWS * 16 * size ** 2 }, (_, k) => Math.sin(k));
      const x0 = new ort.Tensor("float32", pixels, [ROWS, 16, size, size]);
      const labels = new ort.Tensor("int64", BigInt64Array.of(0n, 2n, 1n, 1n), [ROWS]);
      await trainer.over([{ x0, labels }]).next();
      await trainer.close();
      const { inputs, valueInfos } = (await openModel(opened.at(-1)!)).graph.file.graph;
      const shapes = [...inputs.slice(0, 1), ...valueInfos].map((info) => typeOfInfo(info)?.shape);
      return shapes;
    };
    // What the backward pass multiplies the gradient of r1 by has a known size.
    expect(await step(8)).toEqual([
      ["N", 16, 8, 8],
      [ROWS, 8, 8, 8],
    ]);
    expect(await step(182)).toEqual([[ROWS, 16, 182, 182]]);
  });
});

/** Compares all gradients of two steps at the same weights. */
async function expectSameGradients(
  ...steps: readonly [Awaited<ReturnType<typeof stepGraph>>, Awaited<ReturnType<typeof stepGraph>>]
) {
  const [gradients, expected] = await Promise.all(steps.map(gradientsOf));
  for (const [name, { data }] of Object.entries(expected)) {
    const size = Math.max(...(data as Float32Array).map(Math.abs));
    const apart = (data as Float32Array).map((v, k) =>
      Math.abs(v - Number(gradients[name].data[k])),
    );
    expect(size, name).toBeGreaterThan(0);
    expect(Math.max(...apart) / size, name).toBeLessThan(1e-5);
  }
}

/** The gradients that a step gives at random weights, by weight. */
async function gradientsOf({ gradients, gradientOf }: Awaited<ReturnType<typeof stepGraph>>) {
  const session = await sessionOn(gradients.toBytes(), { logSeverityLevel: 4 });
  const feeds = session.inputMetadata.map((input) => {
    const dims = (input.isTensor ? input.shape : []) as number[];
    const next = uniform(5, input.name);
    const values = Float32Array.from(
      { length: dims.reduce((a, b) => a * b, 1) },
      () => 2 * next() - 1,
    );
    const labels = BigInt64Array.from(values, (_, k) => BigInt(k % 3));
    const isLabel = input.name === "labels";
    return [
      input.name,
      isLabel ? new ort.Tensor("int64", labels, dims) : new ort.Tensor("float32", values, dims),
    ];
  });
  const outputs = await session.run(Object.fromEntries(feeds));
  await session.release();
  return Object.fromEntries(
    Object.entries(gradientOf).map(([weight, name]) => [weight, outputs[name]]),
  );
}
