import { findResiduals, laurelize, openModel, type Proof, prove } from "laurelize";
import onnxProto from "onnx-proto";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { checksThat, made, unfeltAt } from "./support/checks.ts";
import { largeGraph } from "./support/large-graph.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { isNightly } from "./support/sweep.ts";

const { onnx } = onnxProto;

/** Two residual blocks, whose last sum is y, and what comes after. */
const blocks = (outputs: string, after: string, weights = "", between = "z = Identity(s)") =>
  modelOfText(`<ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 2]>
  g (float[N, 8] x) => (${outputs})
  <float[8, 16] a, float[16, 8] b, float[8, 16] c, float[16, 8] d${weights && `, ${weights}`}>
  { h = MatMul(x, a) r = Relu(h) f = MatMul(r, b) [one] s = Add(x, f) ${between}
    k = MatMul(z, c) l = Relu(k) e = MatMul(l, d) [two] y = Add(z, e) ${after} }`);

async function proofOf(bytes: Uint8Array): Promise<Proof> {
  const laurel = await laurelize(await openModel(bytes), { ort, variant: "rw+lr", rank: 2 });
  return prove(laurel, { ort });
}

/** The model with one weight's values replaced. */
function withWeight(bytes: Uint8Array, name: string, values: number[]): Uint8Array {
  const proto = onnx.ModelProto.decode(bytes);
  const tensor = proto.graph!.initializer!.find((each) => each.name === name)!;
  tensor.rawData = new Uint8Array(Float32Array.from(values).buffer);
  return onnx.ModelProto.encode(proto).finish();
}

describe("an output of labels or indices", () => {
  it.each([
    ["ArgMax", blocks("int64[N, 1] out", "out = ArgMax<axis = 1>(y)")],
    ["TopK", blocks("int64[N, 2] out", "v, out = TopK<axis = 1>(y, two)", "int64[1] two = {2}")],
    ["Cast", blocks("int32[N, 8] out", "out = Cast<to = 6>(y)")],
    [
      "Greater",
      blocks("bool[N, 8] out", "p = Sigmoid(y) out = Greater(p, t)", "float t = {0.999}"),
    ],
    ["ArgMax and Cast", blocks("int32[N, 1] out", "i = ArgMax<axis = 1>(y) out = Cast<to = 6>(i)")],
  ])("is judged by the last float value before it: %s", async (_, bytes) => {
    const proof = await proofOf(bytes);
    expect(proof.passed).toBe(true);
    const { before, dead, bySums } = made("it can learn", proof);
    expect(before).toHaveLength(1);
    expect([dead, bySums]).toEqual([[], false]);
  });

  it("is judged so inside a model, too: what rounds a value there is what hides it", async () => {
    const proof = await proofOf(
      blocks("float[N, 16] out", "h2 = MatMul(y, c) n = Ceil(h2) out = Mul(n, n)"),
    );
    expect(proof.passed).toBe(true);
    expect(made("it can learn", proof).dead).toEqual([]);
  });

  it("does not hide a tensor that does not change a float before it", async () => {
    const bytes = blocks(
      "int64[N, 1] out",
      "lost = Mul(y, nil) left = Add(lost, s) out = ArgMax<axis = 1>(left)",
      "float[1] nil = {0.0}",
    );
    const proof = await proofOf(bytes);
    expect(unfeltAt(proof)).toEqual(["two"]);
  });

  it("is left unchanged if it holds floats", async () => {
    const proof = await proofOf(blocks("float[N, 8] out", "out = Tanh(y)"));
    expect(made("it can learn", proof).before).toEqual([]);
  });

  const low = "float t = {-200.0}";
  it.each([
    ["every output", "float[8, N] out", ""],
    ["one of two", "float[8, N] out, float[N, 8] other", "other = Neg(s)"],
  ])("is judged before a Sigmoid at the end too, if that is 0: %s", async (_, outputs, rest) => {
    const end = "logits = Add(y, t) p = Sigmoid(logits) out = Transpose<perm = [1, 0]>(p)";
    const proof = await proofOf(blocks(outputs, `${end} ${rest}`, low));
    expect(proof.passed).toBe(true);
    expect(made("it can learn", proof)).toMatchObject({
      before: ["logits"],
      dead: [],
      bySums: false,
    });
  });

  it("is not judged before a gate of 0, which lets no gradient through", async () => {
    const end = "logits = Add(y, t) gate = Sigmoid(logits) part = Mul(gate, y) out = Add(part, s)";
    const proof = await proofOf(blocks("float[N, 8] out", end, low));
    expect(unfeltAt(proof)).toEqual(["two"]);
  });

  it("is judged by a larger change of its direction if its own is lost in rounding", async () => {
    // α moves the second sum by 1e-5 of it, of which the output sees 1e-5.
    const end = "t = Tanh(y) less = Mul(t, tiny) out = Add(less, s)";
    const bytes = blocks("float[N, 8] out", end, "float[1] tiny = {1e-5}");
    const model = await openModel(withWeight(bytes, "d", new Array(128).fill(1e-5)));
    const laurel = await laurelize(model, { ort, variant: "rw", normalize: "none" });
    const proof = await prove(laurel, { ort });
    expect(proof.passed).toBe(true);
    expect(made("it can learn", proof)).toMatchObject({ dead: [], faint: ["two.laurel.alpha"] });
  });

  it("is run without a ZipMap's maps, which JavaScript has no tensors for", async () => {
    const bytes = blocks("float[N, 8] maps", "p = Softmax<axis = 1>(y) maps = ZipMap(p)");
    const proto = onnx.ModelProto.decode(bytes);
    const zip = proto.graph!.node!.at(-1)!;
    zip.domain = "ai.onnx.ml";
    const { INTS } = onnx.AttributeProto.AttributeType;
    zip.attribute = [
      onnx.AttributeProto.create({
        name: "classlabels_int64s",
        type: INTS,
        ints: [0, 1, 2, 3, 4, 5, 6, 7],
      }),
    ];
    const elemType = { mapType: { keyType: 7, valueType: { tensorType: { elemType: 1 } } } };
    proto.graph!.output![0].type = onnx.TypeProto.create({ sequenceType: { elemType } });
    const proof = await proofOf(onnx.ModelProto.encode(proto).finish());
    expect(proof.passed).toBe(true);
    expect(made("it can learn", proof).before).toEqual(["p"]);
  });
});

describe("weights that are not finite", () => {
  const nan = (length: number) => new Array<number>(length).fill(Number.NaN);

  it("in a head: the outputs are named, and the last sum is asked", async () => {
    const bytes = blocks("float[N, 3] out", "out = MatMul(y, head)", "float[8, 3] head");
    const proof = await proofOf(withWeight(bytes, "head", nan(24)));
    expect(proof.passed).toBe(true);
    expect(made("same function", proof).outputs[0].notFinite).toBeGreaterThan(0);
    expect(made("it can learn", proof)).toMatchObject({ bySums: true, dead: [], notFinite: [] });
  });

  it("in the last block: the first is proved, and the other is left out by name", async () => {
    const bytes = blocks("float[N, 8] out", "out = Tanh(y)");
    const proof = await proofOf(withWeight(bytes, "c", nan(128)));
    expect(proof.passed).toBe(true);
    expect(made("it can learn", proof)).toMatchObject({ dead: [], notFinite: ["two"] });
  });

  it("in the first block: nothing is left to prove, which is not a pass", async () => {
    const bytes = blocks("float[N, 8] out", "out = Tanh(y)");
    const proof = await proofOf(withWeight(bytes, "a", nan(128)));
    expect(proof.passed).toBe(false);
    expect(checksThat("not run", proof)).toEqual(["it can learn"]);
  });
});

describe("sites of one stream", () => {
  /** Residual blocks one after the other; the output adds part of the last sum to the one before. */
  const stream = (count: number, part: number, end: string) => {
    const ks = Array.from({ length: count }, (_, k) => k);
    const nodes = ks.map(
      (k) =>
        `f${k} = MatMul(s${k}, w${k}) t${k} = Tanh(f${k}) [b${k}] s${k + 1} = Add(s${k}, t${k})`,
    );
    return modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
    g (float[N, 8] s0) => (float[N, 8] out)
    <bool on = {1}, float[1] part = {${part}}, ${ks.map((k) => `float[8, 8] w${k}`).join(", ")}>
    { ${nodes.join(" ")} p = Mul(s${count}, part) q = Mul(s${count - 1}, s${count - 1})
      ${end} }`);
  };

  const ENDS = [
    ["", "out = Sub(p, q)"],
    [
      ", which bodies read",
      "out = If<then_branch = t () => (float[N, 8] a) { a = Sub(p, q) }, else_branch = e () => (float[N, 8] b) { b = Add(p, q) }>(on)",
    ],
    [", to which noise is added", "n = RandomNormalLike(p) d = Add(p, n) out = Sub(d, q)"],
  ] as const;

  /** The proof, and how often models that take the input were loaded and run. */
  async function counted(bytes: Uint8Array, dims: Record<string, number> = {}) {
    let [loads, runs] = [0, 0];
    const create = async (...given: Parameters<typeof ort.InferenceSession.create>) => {
      const session = await ort.InferenceSession.create(...given);
      if (session.inputNames.includes("s0")) loads++;
      const run = session.run.bind(session);
      session.run = ((feeds: ort.InferenceSession.FeedsType, ...rest: []) => {
        if ("s0" in feeds) runs++;
        return run(feeds, ...rest);
      }) as typeof session.run;
      return session;
    };
    const laurel = await laurelize(await openModel(bytes), { ort, variant: "rw+lr", rank: 2 });
    const counting = { ...ort, InferenceSession: { create } } as typeof ort;
    return { proof: await prove(laurel, { ort: counting, dims }), loads, runs };
  }

  it.each(ENDS)("are judged by few runs of the model, however many they are%s", async (_, end) => {
    const [few, many] = [await counted(stream(3, 1, end)), await counted(stream(12, 1, end))];
    expect([few.proof.passed, many.proof.passed]).toEqual([true, true]);
    expect(made("it can learn", many.proof).tensors).toBe(12 * 3);
    expect(many.runs).toBeLessThanOrEqual(few.runs + 4);
    expect(many.loads).toBe(few.loads);
  });

  it("on part of the channels take one run each, and none for the weights that move later", async () => {
    const widening = (count: number) => {
      const ks = Array.from({ length: count }, (_, k) => k);
      const width = (k: number) => 8 + 2 * k;
      const nodes = ks.map(
        (
          k,
        ) => `f${k} = MatMul(s${k}, w${k}) t${k} = Tanh(f${k}) a${k}, b${k} = Split <axis = 1> (t${k}, n${k})
          [b${k}] y${k} = Add(a${k}, s${k}) s${k + 1} = Concat <axis = 1> (y${k}, b${k})`,
      );
      const weights = ks.map(
        (k) => `float[${width(k)}, ${width(k + 1)}] w${k}, int64[2] n${k} = {${width(k)}, 2}`,
      );
      return modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
      g (float[N, 8] s0) => (float[N, ${width(count)}] out) <${weights.join(", ")}>
      { ${nodes.join(" ")} out = Tanh(s${count}) }`);
    };
    const [few, many] = [await counted(widening(3)), await counted(widening(7))];
    expect([few.proof.passed, many.proof.passed]).toEqual([true, true]);
    expect(made("it can learn", many.proof).tensors).toBe(7 * 3);
    expect(many.runs - few.runs).toBe(7 - 3);
  });

  it("are held at once by the sizes that they have in a run, where inference loses these", async () => {
    const from = (x: string) =>
      modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
      g (float[A, B, C, D, 8] s0) => (float[A, B, C, D, 8] out) <float[8, 8] w, float[8, 8] v>
      { shape = Shape(s0) sizes = Abs(shape) x = ${x}
        f = MatMul(x, w) t = Tanh(f) [one] y = Add(x, t)
        k = MatMul(y, v) l = Tanh(k) [two] z = Add(y, l)
        g2 = MatMul(z, w) u = Tanh(g2) [three] a = Add(z, u)
        h = MatMul(a, v) r = Tanh(h) [four] out = Add(a, r) }`);
    const dims = { A: 2, B: 2, C: 2, D: 2 };
    const known = await counted(from("Identity(s0)"), dims);
    const unknown = await counted(from("Reshape(s0, sizes)"), dims);
    expect([known.proof.passed, unknown.proof.passed]).toEqual([true, true]);
    expect(unknown.loads).toBe(known.loads + 1);
  });

  it.each(ENDS)("are not judged by what reached the output past them%s", async (_, end) => {
    const { proof } = await counted(stream(4, 0, end));
    expect(unfeltAt(proof)).toEqual(["b3"]);
  });
});

describe("a node left in training mode", () => {
  const dropout = (on: 0 | 1) =>
    blocks(
      "float[N, 8] out",
      "out = Tanh(y)",
      `float half = {0.5}, bool on = {${on}}`,
      "[drop] z = Dropout(s, half, on)",
    );

  it("is warned of, and a Dropout drops nothing in the proof", async () => {
    const model = await openModel(dropout(1));
    const { warnings } = await findResiduals(model, { ort });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(
      /^Dropout at drop is left in training mode, so its output depends on chance /,
    );
    const laurel = await laurelize(model, { ort, variant: "rw" });
    expect(laurel.warnings).toEqual(warnings);
    const proof = await prove(laurel, { ort });
    expect(proof.passed).toBe(true);
    const [{ noise, random }] = made("same function", proof).outputs;
    expect(random).toBe(false);
    expect(noise).toBeLessThan(1e-5);
  });

  it("is not seen in one that is switched off", async () => {
    expect((await findResiduals(await openModel(dropout(0)), { ort })).warnings).toEqual([]);
  });

  it.each([
    [1, ["BatchNormalization at norm is left in training mode"]],
    [0, []],
  ])("is recognized by BatchNormalization's training_mode = %i", async (mode, expected) => {
    const outputs = mode === 1 ? "z, mean, var" : "z";
    const bytes = blocks(
      "float[N, 8] out",
      "out = Tanh(y)",
      "float[8] n, float[8] o, float[8] p, float[8] q",
      `[norm] ${outputs} = BatchNormalization<training_mode = ${mode}>(s, n, o, p, q)`,
    );
    const { warnings } = await findResiduals(await openModel(bytes), { ort });
    expect(warnings.map((text) => text.split(",")[0])).toEqual(expected);
  });
});

describe("a model of hundreds of sites", { timeout: 240_000 }, () => {
  it("is proved at a seeded sample; at every one on request, at night", async () => {
    const { bytes } = largeGraph("blocks", 5 * 201);
    const laurel = await laurelize(await openModel(bytes), { ort, variant: "rw" });
    const proof = await prove(laurel, { ort });
    expect(proof.passed).toBe(true);
    expect(proof.sample).toEqual({ sites: 24, of: 201, seed: 0 });
    const names = made("right formula", proof).sites.map(({ site }) => site);
    expect(names).toHaveLength(24);
    const all = laurel.plan.sites.map(({ site }) => site.name);
    expect(names).toContain(all[0]);
    expect(names).toContain(all.at(-1));
    if (!isNightly) return;
    const again = made("right formula", await prove(laurel, { ort })).sites;
    expect(again.map(({ site }) => site)).toEqual(names);
    const whole = await prove(laurel, { ort, allSites: true });
    expect(whole.sample).toBe(null);
    expect(made("right formula", whole).sites).toHaveLength(201);
    // What weights alone decide is computed first: a factor that is not neutral is seen all the same.
    const { name } = laurel.plan.sites[100].parameters["rw.w"];
    const file = withWeight(laurel.model.toBytes(), name, [0, 0.01]);
    const other = await prove({ ...laurel, model: await openModel(file) }, { ort });
    expect(made("same function", other).outcome).toBe("failed");
  });

  it("is proved at each of a few", async () => {
    const { bytes } = largeGraph("blocks", 5 * 20);
    const laurel = await laurelize(await openModel(bytes), { ort, variant: "rw" });
    expect((await prove(laurel, { ort })).sample).toBe(null);
  });
});

describe("a model that runs slowly", () => {
  /** onnxruntime, whose first run on x takes a quarter of a second of the processor more. */
  function slowOnce(): typeof ort {
    let isFirst = true;
    const create = async (...given: Parameters<typeof ort.InferenceSession.create>) => {
      const session = await ort.InferenceSession.create(...given);
      const run = session.run.bind(session);
      session.run = ((feeds: ort.InferenceSession.FeedsType, ...rest: []) => {
        const start = process.cpuUsage();
        while (isFirst && "x" in feeds && process.cpuUsage(start).user < 250_000)
          for (let k = 0; k < 100_000; k++) Math.sqrt(k);
        isFirst &&= !("x" in feeds);
        return run(feeds, ...rest);
      }) as typeof session.run;
      return session;
    };
    return { ...ort, InferenceSession: { create } } as typeof ort;
  }

  it("is compared on one set of inputs, and on all if that fails", async () => {
    const bytes = blocks("float[N, 8] out", "out = Tanh(y)");
    const laurel = await laurelize(await openModel(bytes), { ort, variant: "rw" });
    const quick = made("same function", await prove(laurel, { ort }));
    const slow = made("same function", await prove(laurel, { ort: slowOnce() }));
    expect([quick, slow]).toMatchObject([
      { outcome: "passed", inputs: 3 },
      { outcome: "passed", inputs: 1 },
    ]);
    const { name } = laurel.plan.sites[0].parameters["rw.w"];
    const model = await openModel(withWeight(laurel.model.toBytes(), name, [0, 0.01]));
    const other = await prove({ ...laurel, model }, { ort: slowOnce() });
    expect(made("same function", other)).toMatchObject({ outcome: "failed", inputs: 3 });
  });
});
