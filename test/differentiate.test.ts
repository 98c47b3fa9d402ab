import {
  differentiate,
  InputError,
  laurelize,
  NoGradientError,
  openModel,
  operatorsWithGradient,
} from "laurelize";
import ort, { type Tensor } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { fixture } from "./support/fixture.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { sessionOn } from "./support/session.ts";

const header = `<ir_version: 8, opset_import: ["" : 17, "own" : 1, "com.microsoft" : 1]>`;
const open = (text: string) => openModel(modelOfText(`${header} ${text}`));

/** Operators of a differentiated model, counted. */
async function operators(
  model: Awaited<ReturnType<typeof openModel>>,
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { op } of model.graph.main.nodes) counts[op] = (counts[op] ?? 0) + 1;
  return counts;
}

const TWO_LAYERS = `g (float[N, 4] x) => (float[N, 2] y) <float[4, 8] a, float[8, 8] w, float[8, 2] b>
  { h = MatMul(x, a) r = Relu(h) m = MatMul(r, w) t = Tanh(m) y = MatMul(t, b) }`;

describe("differentiate", () => {
  it("adds gradients as outputs, named after their weights, and the cotangent as an input", async () => {
    const result = await differentiate(await open(TWO_LAYERS), {
      ort,
      wrt: ["a", "b"],
      dims: { N: 3 },
    });
    expect(result.cotangents).toEqual({ y: "y.cotangent" });
    expect(result.gradients).toEqual({ a: "a.grad", b: "b.grad" });
    const { main } = result.model.graph;
    expect(main.inputs.map(({ name }) => name)).toEqual(["x", "y.cotangent"]);
    expect(main.outputs.map(({ name }) => name)).toEqual(["y", "a.grad", "b.grad"]);
    expect([...main.values.keys()].filter((name) => name.endsWith(".grad")).sort()).toEqual(
      ["a", "b", "h", "m", "r", "t"].map((name) => `${name}.grad`),
    );
  });

  it("goes only from the weights to the end: a frozen weight costs one product", async () => {
    const one = await differentiate(await open(TWO_LAYERS), { ort, wrt: ["w"], dims: { N: 3 } });
    expect(await operators(one.model)).toMatchObject({ MatMul: 3 + 2, Relu: 1 });
    expect((await operators(one.model)).Sign).toBeUndefined();
    const all = await differentiate(await open(TWO_LAYERS), {
      ort,
      wrt: ["a", "w", "b"],
      dims: { N: 3 },
    });
    expect(await operators(all.model)).toMatchObject({ MatMul: 3 + 5 });
  });

  it("gives a scalar the cotangent 1", async () => {
    const model = await open(
      "g (float[3] x) => (float y) { q = Mul(x, x) y = ReduceSum <keepdims = 0> (q) }",
    );
    const { model: step, cotangents } = await differentiate(model, { ort, wrt: ["x"] });
    expect(cotangents).toEqual({ y: null });
    const session = await sessionOn(step.toBytes());
    const x = new ort.Tensor("float32", Float32Array.of(1, -2, 3), [3]);
    expect([...((await session.run({ x }))["x.grad"].data as Float32Array)]).toEqual([2, -4, 6]);
  });

  it("gives a power of 0 the slope 0 where it is infinite, however near to 1 the exponent is", async () => {
    const model = await open(`g (float[3] x) => (float y)
      <float[3] many = {0.5, 0.99, 1.5}, float one = {0.99}, int64[1] all = {0}>
      { a = Pow(x, many) b = Pow(x, one) s = Add(a, b) y = ReduceSum<keepdims = 0>(s, all) }`);
    const { model: result } = await differentiate(model, { ort, wrt: ["x"] });
    const session = await sessionOn(result.toBytes());
    const x = new ort.Tensor("float32", new Float32Array(3), [3]);
    expect([...((await session.run({ x }))["x.grad"].data as Float32Array)]).toEqual([0, 0, 0]);
    await session.release();
  });

  it.each([
    ["float", 1, "Clip(h, low, high)", [0, 0, 1, 0, 0]],
    ["float16", 10, "Clip(h, low, high)", [0, 0, 1, 0, 0]],
    ["double", 11, "Clip(h, low, high)", [0, 0, 1, 0, 0]],
    ["float16", 10, "Clip(h, low)", [0, 0, 1, 1, 1]],
    ["double", 11, `Clip(h, "", high)`, [1, 1, 1, 0, 0]],
    ["float16", 10, "HardSwish(h)", [0, 0, 0.5, 1, 1]],
  ])(
    "is PyTorch's at the corners, and at infinity: %s, %s, %s",
    async (dtype, type, node, want) => {
      const model = await open(`g (float[5] x) => (float y)
      <${dtype} low = {-3.0}, ${dtype} high = {3.0}, int64[1] all = {0}>
      { h = Cast<to = ${type}>(x) c = ${node} f = Cast<to = 1>(c) y = ReduceSum<keepdims = 0>(f, all) }`);
      const { model: result } = await differentiate(model, { ort, wrt: ["x"] });
      const session = await sessionOn(result.toBytes());
      const x = new ort.Tensor("float32", Float32Array.of(-4, -3, 0, 3, Infinity), [5]);
      expect([...((await session.run({ x }))["x.grad"].data as Float32Array)]).toEqual(want);
      await session.release();
    },
  );

  it("passes a Dropout in training mode by its mask", async () => {
    const model = await open(
      "g (float[40] x) => (float[40] y) <float r = {0.25}, bool t = {1}> { y, m = Dropout(x, r, t) }",
    );
    const { model: step } = await differentiate(model, { ort, wrt: ["x"] });
    const session = await sessionOn(step.toBytes());
    const x = new ort.Tensor("float32", new Float32Array(40).fill(1), [40]);
    const { y, "x.grad": grad } = await session.run({ x, "y.cotangent": x });
    expect(grad.data).toEqual(y.data);
    expect(new Set(grad.data as Float32Array)).toEqual(new Set([0, Math.fround(1 / 0.75)]));
  });

  it("returns null for a value that no gradient reaches, and its own cotangent for the end", async () => {
    const model = await open(
      "g (float[3] x, float[3] z) => (float[3] y, float[3] u) { f = Floor(z) y = Add(x, f) u = Neg(z) }",
    );
    const { gradients } = await differentiate(model, { ort, of: ["y"], wrt: ["x", "z", "y"] });
    expect(gradients).toEqual({ x: "x.grad", z: null, y: "y.grad" });
  });

  it("never makes a constant of what comes from a weight", async () => {
    const laurel = await laurelize(await openModel(fixture("pre-norm-mlp")), { ort });
    const wrt = laurel.plan.sites.flatMap(({ parameters }) =>
      Object.values(parameters).map(({ name }) => name),
    );
    const { gradients } = await differentiate(laurel.model, { ort, wrt, dims: { N: 2 } });
    expect(Object.values(gradients)).toEqual(wrt.map((name) => `${name}.grad`));
  });

  it("looks into functions, and into an If that always takes the same branch", async () => {
    const model = await open(
      `g (float[N, 4] x) => (float[N, 4] y) <float[4, 4] w> {
      s = Shape(x) n = Size(s) c = Equal(n, two) h = own.Layer(x, w)
      [choice] y = If<
        then_branch = yes () => (float[] p) <float half = {0.5}> { q = Mul(h, half) p = Tanh(q) },
        else_branch = no () => (float[] p) { p = Identity(h) }
      >(c)
    }
    <domain: "own", opset_import: ["" : 17]>
    Layer (t, a) => (r) { u = MatMul(t, a) r = Relu(u) }`.replace(
        "<float[4, 4] w>",
        "<float[4, 4] w, int64 two = {2}>",
      ),
    );
    const result = await differentiate(model, { ort, wrt: ["w"], dims: { N: 2 } });
    const counts = await operators(result.model);
    expect(counts.If).toBeUndefined();
    expect(counts).toMatchObject({ Tanh: 1, Relu: 1 });
    const session = await sessionOn(result.model.toBytes());
    const ones = new ort.Tensor("float32", new Float32Array(8).fill(1), [2, 4]);
    const outputs = await session.run({ x: ones, "y.cotangent": ones });
    expect(outputs["w.grad"].dims).toEqual([4, 4]);
  });

  it("chooses truth values of two branches too", async () => {
    const model = await open(
      "g (float[2] x) => (float[2] y, bool[2] z) <float o = {0.0}> { s = ReduceSum <keepdims = 0> (x) c = Greater(s, o) y, z = If <then_branch = t () => (float[2] a, bool[2] p) { a = Neg(x) p = Greater(x, o) }, else_branch = e () => (float[2] b, bool[2] q) { b = Exp(x) q = Less(x, o) }> (c) }",
    );
    const { model: made } = await differentiate(model, { ort, wrt: ["x"], of: ["y"] });
    const session = await sessionOn(made.toBytes());
    const row = (...values: number[]) => new ort.Tensor("float32", Float32Array.from(values), [2]);
    const run = (x: Tensor) => session.run({ x, "y.cotangent": row(1, 1) });
    const [then, other] = [await run(row(2, -1)), await run(row(1, -2))];
    expect([...(then["x.grad"].data as Float32Array)]).toEqual([-1, -1]);
    expect(other["x.grad"].data[0]).toBeCloseTo(Math.E, 6);
    expect([...(then.z.data as Uint8Array)]).toEqual([1, 0]);
    expect([...(other.z.data as Uint8Array)]).toEqual([0, 1]);
  });

  it("gives the gradients of the numbers of an activation that is written out", async () => {
    const model = await open(
      "g (float[4] x) => (float[4] y) <float three = {3.0}, float lo = {0.0}, float hi = {6.0}, float six = {6.0}> { a = Add(x, three) c = Clip(a, lo, hi) m = Mul(x, c) y = Div(m, six) }",
    );
    const { model: made } = await differentiate(model, { ort, wrt: ["three", "six"] });
    const session = await sessionOn(made.toBytes());
    const x = new ort.Tensor("float32", Float32Array.of(-4, 1, 2, 4), [4]);
    const ones = new ort.Tensor("float32", new Float32Array(4).fill(1), [4]);
    const outputs = await session.run({ x, "y.cotangent": ones });
    // Σ x / 6 where 0 < x + 3 < 6, and −Σ y / 6
    expect(outputs["three.grad"].data[0]).toBeCloseTo(3 / 6, 6);
    expect(outputs["six.grad"].data[0]).toBeCloseTo(-(4 + 10 + 24) / 36, 6);
  });

  it("holds no factors back beyond what a float32 can hold", async () => {
    const gradient = async (dtype: "float" | "double") => {
      const layers = Array.from(
        { length: 12 },
        (_, k) => `s${k} = Mul(x${k}, a) n${k} = LpNormalization(s${k}) x${k + 1} = Add(n${k}, b)`,
      );
      const model = await open(
        `g (${dtype}[1, 4] x0) => (${dtype}[1, 4] x12) <${dtype} a = {0.0001}, ${dtype}[4] b = {0.1, 0.2, 0.3, 0.4}> { ${layers.join(" ")} }`,
      );
      const { model: made } = await differentiate(model, { ort, wrt: ["x0"] });
      const session = await sessionOn(made.toBytes());
      const row = (...values: number[]) =>
        dtype === "float"
          ? new ort.Tensor("float32", Float32Array.from(values), [1, 4])
          : new ort.Tensor("float64", Float64Array.from(values), [1, 4]);
      const feeds = { x0: row(1, -2, 3, 1), "x12.cotangent": row(1, 0, 0, 0) };
      return Array.from((await session.run(feeds))["x0.grad"].data as Float64Array);
    };
    const [single, double] = [await gradient("float"), await gradient("double")];
    const largest = Math.max(...double.map(Math.abs));
    for (const [k, g] of single.entries())
      expect(Math.abs(g - double[k])).toBeLessThan(2 ** -23 * 12 * largest);
  });
});

describe("what cannot be differentiated is one sentence", () => {
  it.each<[string, string, object, RegExp]>([
    [
      "an operator without a rule",
      'g (float[4] x) => (float[4] y) <float[4] w, float[4] v> { a = Mul(x, w) b = Mul(a, v) [det] d = own.Strange(b) y = Neg(d) } <domain: "own", opset_import: ["" : 17]> Strange (t) => (r) { u = Unique <sorted = 1> (t) r = Identity(u) }',
      { wrt: ["w", "v"] },
      /^Unique at \S+ has no gradient rule, and it cuts w, v off from y; .*\.$/,
    ],
    [
      "a size that is not known",
      "g (float[N, 4] x) => (float[N, 4] y) <float[4, 4] w> { h = MatMul(x, w) y = Softmax <axis = 0> (h) }",
      { wrt: ["w"] },
      /^Softmax at y: input h has the shape \[N, 4\], but its gradient needs all sizes; .*\.$/,
    ],
    [
      "an If one of whose branches gives no known size",
      "g (float[2, 4] x) => (float[?, ?] y) <float z = {0.0}> { s = ReduceSum <keepdims = 0> (x) c = Greater(s, z) y = If <then_branch = t () => (float[?, ?] a) { a = Neg(x) }, else_branch = e () => (float[?, ?] b) { i = NonZero(x) b = Cast <to = 1> (i) }> (c) }",
      { wrt: ["x"] },
      /^the If that makes y gives \[2, 4\] or \[2, \?\], but its gradient needs one shape with all sizes known\.$/,
    ],
    [
      "an If whose branches give other sizes",
      "g (float[3, 4] x) => (float[?, ?] y) <float z = {0.0}> { s = ReduceSum <keepdims = 0> (x) c = Greater(s, z) y = If <then_branch = t () => (float[?, ?] a) { a = Neg(x) }, else_branch = e () => (float[?, ?] b) { b = Transpose(x) }> (c) }",
      { wrt: ["x"] },
      /^If at y has no gradient rule, and it cuts x off from y; .*\.$/,
    ],
    [
      "a place in a sequence that is computed, and a rank that is not known for it",
      "g (float[2, 3] x, int64 i) => (float[] y) { l = SequenceConstruct(x, x) m = SequenceAt(l, i) y = Relu(m) }",
      { wrt: ["x"] },
      /^SequenceConstruct \(at l\), SequenceAt \(at m\) have no gradient rule, and they cut x off from y; .*\.$/,
    ],
    [
      "a dimension that is not there",
      "g (float[N, 4] x) => (float[N, 4] y) { y = Neg(x) }",
      { wrt: ["x"], dims: { batch: 2 } },
      /has no free dimension batch; it has N\.$/,
    ],
    [
      "a size below 1",
      "g (float[N, 4] x) => (float[N, 4] y) { y = Neg(x) }",
      { wrt: ["x"], dims: { N: 0 } },
      /^the size of N must be an integer of at least 1 \(got 0\)\.$/,
    ],
    [
      "a weight that is not there",
      "g (float[4] x) => (float[4] y) { y = Neg(x) }",
      { wrt: ["w"] },
      /has no value w; check the name\.$/,
    ],
    [
      "integers",
      "g (int64[4] x) => (float[4] y) { y = Cast <to = 1> (x) }",
      { wrt: ["x"] },
      /^x is int64, but only floats have gradients\.$/,
    ],
    [
      "a layer in training mode",
      "g (float[2, 3] x) => (float[2, 3] y) <float[3] s, float r = {0.5}, bool t = {1}> { m = Mul(x, s) [drop] y = Dropout(m, r, t) }",
      { wrt: ["s"] },
      /^Dropout at drop has no gradient: it is in training mode without a mask; export the model for eval\.$/,
    ],
    [
      "a loop that runs until a condition holds",
      'g (float[3] x) => (float[3] y) <float[3] w, bool yes = {1}> { [l] y = Loop <body = b (int64 i, bool c, float[3] v) => (bool more, float[3] u) { u = Mul(v, w) n = ReduceSum <keepdims = 0> (u) more = Cast <to = 9> (n) }> ("", yes, x) }',
      { wrt: ["w"] },
      /^Loop at l cannot be lowered into plain operators \(its number of iterations is not known\), and it cuts w off from y; .*\.$/,
    ],
  ])("%s", async (_, text, options, sentence) => {
    const model = await open(text);
    const failure = await differentiate(model, { ort, wrt: [], ...options }).catch(
      (error) => error,
    );
    expect(failure).toBeInstanceOf(InputError);
    expect(failure.message).toMatch(sentence);
  });
});

describe("a gradient that grows with a power of a size", () => {
  it.each([
    ["Det(x)", (n: number) => `[${n}, ${n}]`, 32, "its matrices have more than 32 rows"],
    ["CumProd(x, k)", (n: number) => `[${n}]`, 512, "its axis has more than 512 elements"],
  ])("of %s is refused above a size", async (call, type, limit, why) => {
    const of = async (n: number) => {
      const model = modelOfText(
        `<ir_version: 10, opset_import: ["" : 26]> g (float${type(n)} x) => (float y) <int64 k = {0}> { [n] d = ${call} y = ReduceSum <keepdims = 0> (d) }`,
      );
      return differentiate(await openModel(model), { ort, wrt: ["x"] });
    };
    if (limit > 100) expect((await of(limit)).gradients).toEqual({ x: "x.grad" });
    await expect(of(limit + 1)).rejects.toThrow(`at n has no gradient: ${why}.`);
  });
});

describe("a recurrence whose batch comes first", () => {
  it("has the gradients of one whose steps come first, though onnxruntime runs the latter alone", async () => {
    const gradients = async (layout: number) => {
      const [turned, states] =
        layout === 1
          ? [
              [0, 1, 2, 3],
              [0, 1, 2],
            ]
          : [
              [2, 0, 1, 3],
              [1, 0, 2],
            ];
      const model =
        await open(`g (float[3, 2, 4] x, float[3, 2, 4] h) => (float[3, 2, 2, 4] u, float[3, 2, 4] v)
<float[2, 12, 4] w, float[2, 12, 4] r, float[2, 24] b, int32[3] n = {2, 1, 2}> {
  a = Transpose <perm = ${JSON.stringify(states)}> (x) c = Transpose <perm = ${JSON.stringify(states)}> (h)
  y, z = GRU <hidden_size = 4, direction = "bidirectional", layout = ${layout}> (a, w, r, b, n, c)
  u = Transpose <perm = ${JSON.stringify(turned)}> (y) v = Transpose <perm = ${JSON.stringify(states)}> (z)
}`);
      const wrt = ["x", "h"];
      const { model: step } = await differentiate(model, { ort, wrt });
      const session = await sessionOn(step.toBytes());
      const of = (dims: number[]) =>
        new ort.Tensor(
          "float32",
          Float32Array.from({ length: 48 }, (_, k) => Math.sin(k)).slice(
            0,
            dims.reduce((p, d) => p * d),
          ),
          dims,
        );
      const given = {
        x: of([3, 2, 4]),
        h: of([3, 2, 4]),
        "u.cotangent": of([3, 2, 2, 4]),
        "v.cotangent": of([3, 2, 4]),
      };
      const ran = await session.run(given);
      return Object.values(ran).map(({ dims, data }) => [dims, [...(data as Float32Array)]]);
    };
    const [batchFirst, stepsFirst] = [await gradients(1), await gradients(0)];
    expect(batchFirst).toHaveLength(4);
    expect(batchFirst).toEqual(stepsFirst);
  });
});

describe("the operators that gradients pass", () => {
  it("are those with a rule, and those that are written in others", () => {
    const all = operatorsWithGradient;
    expect(all).toEqual(expect.arrayContaining(["Conv", "GRU", "If", "Scan", "SequenceAt"]));
    expect(all).toContain("com.microsoft.QMoE");
    for (const none of ["Floor", "NonZero", "com.microsoft.EngramGate", "ArgMax"])
      expect(all).not.toContain(none);
    expect(all).toEqual([...new Set(all)].sort());
  });
});

describe("all operators without a rule are listed at once", () => {
  it("with counts, names and reasons, in the sentence and as data", async () => {
    const model = await open(
      "g (float[2, 3, 3] x) => (float[18] y) <float[3, 3] w> { a = MatMul(x, w) [d1] d = com.microsoft.SampleOp(a) b = MatMul(a, w) [d2] e = com.microsoft.SampleOp(b) s = Add(d, e) [u] q = Unique <sorted = 1> (s) y = Neg(q) }",
    );
    const failure = await differentiate(model, { ort, wrt: ["w"] }).catch((error) => error);
    expect(failure).toBeInstanceOf(NoGradientError);
    expect(failure.code).toBe("no-gradient");
    expect(failure.operators).toEqual([
      { op: "com.microsoft.SampleOp", count: 2, nodes: ["d1", "d2"], reason: null },
      { op: "Unique", count: 1, nodes: ["u"], reason: null },
    ]);
    expect(failure.message).toMatch(
      /^com\.microsoft\.SampleOp \(2 nodes, the first at d1\), Unique \(at u\) have no gradient rule, and they cut w off from y; .*\.$/,
    );
  });

  it("also what rules do not cover", async () => {
    const model = await open(
      `g (float[1, 1, 4, 4] x) => (float[1, 1, 1, 1] y) <float[4] w, float[1, 4] r, int64[1] b = {0}> { m = Mul(x, w) [r1] p = RoiAlign <mode = "max", output_height = 2, output_width = 2> (m, r, b) n = Neg(p) [r2] y = RoiAlign <mode = "max"> (n, r, b) }`,
    );
    const failure = await differentiate(model, { ort, wrt: ["w"] }).catch((error) => error);
    expect(failure).toBeInstanceOf(NoGradientError);
    const reason = "the number of its samples is computed from the data";
    expect(failure.operators).toEqual([{ op: "RoiAlign", count: 2, nodes: ["r1", "r2"], reason }]);
  });

  it("also what could not be lowered", async () => {
    const model = await open(
      `g (float[513, 1, 4] x) => (float[513, 1, 1, 4] y) <float[1, 4, 4] w> { [r] h = RNN <hidden_size = 4> (x, w, w) m = ReduceSum(w) [d] e = com.microsoft.SampleOp(m) y = Add(h, e) }`,
    );
    const failure = await differentiate(model, { ort, wrt: ["w"] }).catch((error) => error);
    expect(failure.operators).toEqual([
      {
        op: "RNN",
        count: 1,
        nodes: ["r"],
        reason: expect.stringMatching(/^its 513 steps make 513 in all/),
      },
      { op: "com.microsoft.SampleOp", count: 1, nodes: ["d"], reason: null },
    ]);
  });
});
