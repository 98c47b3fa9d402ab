import fs from "node:fs";
import path from "node:path";
import {
  adapterBytes,
  checkpointBytes,
  extractAdapter,
  type FinetuneOptions,
  finetune,
  laurelize,
  loadCheckpoint,
  type Model,
  openModel,
  stepGraph,
  type Tensors,
  tunedModel,
} from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { cliProcess } from "./support/cli.ts";
import { temporaryFolder } from "./support/fixture.ts";
import { CLASSES, examples, FEATURES, LITTLE } from "./support/little-training.ts";
import { npzOf } from "./support/npz-file.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { sessionOn } from "./support/session.ts";

const folder = temporaryFolder();
const plain = await openModel(modelOfText(LITTLE));
const { model } = await laurelize(plain, { ort, featureAxis: 1, rank: 2 });

type Batch = Record<string, ort.Tensor>;

/** A batch of examples; `without` of its labels do not count. */
function batch(rows: number, label: string, without = 0): Batch {
  const { x, labels } = examples(rows, label);
  const some = (labels[0] as BigInt64Array).map((each, k) => (k < without ? -100n : each));
  return {
    x: new ort.Tensor("float32", x[0] as Float32Array, x[1]),
    labels: new ort.Tensor("int64", some, [rows]),
  };
}

const given = { ort, threads: 1, loss: "cross-entropy", target: "labels", lr: 0.03 } as const;
const bytesOf = (tensors: Tensors) =>
  Object.entries(tensors).map(([name, { data }]) => [name, [...(data as Float32Array)]]);

describe("finetune", () => {
  it("takes any source of batches, closes one that it leaves early, and continues with another", async () => {
    let closed = 0;
    async function* source(from: number) {
      try {
        for (let k = from; ; k++) yield batch(4, `${k}`);
      } finally {
        closed++;
      }
    }
    const tuning = finetune(model, given);
    for await (const { step } of tuning.over(source(0))) if (step === 2) break;
    expect([tuning.step, closed]).toEqual([2, 1]);
    await tuning.close();
    await tuning.close();
    for await (const { step } of tuning.over(source(2))) if (step === 4) break;
    const whole = finetune(model, given);
    for await (const _ of whole.over([0, 1, 2, 3].map((k) => batch(4, `${k}`))));
    expect(bytesOf(tuning.weights)).toEqual(bytesOf(whole.weights));
    const broken = whole.over(
      (function* () {
        yield batch(4, "0");
        throw new Error("the disk is gone");
      })(),
    );
    const all = async () => {
      for await (const _ of broken);
    };
    await expect(all()).rejects.toThrow("the disk is gone");
    expect(whole.step).toBe(5);
    await Promise.all([tuning.close(), whole.close()]);
  });

  it("says so where onnxruntime's optimizer loses a value of a branch, and trains without it", async () => {
    // Constant folding opens the Ifs of a known condition, and Exp no longer finds t.
    const value = (name: string) => `() => (float[1, 2] ${name})`;
    const inner = `If <then_branch = p ${value("v1")} { v1 = Exp(t) }, else_branch = q ${value("v2")} { v2 = Neg(t) }> (c)`;
    const first = `If <then_branch = d ${value("h1")} { t = Relu(x) h1 = ${inner} }, else_branch = e ${value("h2")} { h2 = Neg(x) }> (yes)`;
    const both = `If <then_branch = a ${value("u1")} { u1 = Tanh(x) }, else_branch = b ${value("u2")} { u2 = ${first} }> (no)`;
    const folded = await openModel(
      modelOfText(
        `<ir_version: 8, opset_import: ["" : 17]> g (float[1, 2] x, bool[1] c) => (float[1, 2] y) <float[2, 2] w = {1.0, 2.0, 3.0, 4.0}, bool no = {0}, bool yes = {1}, int64 once = {1}, int64[2] row = {1, 2}> {
          f = Loop <body = l (int64 i, bool k, float[1, 2] s) => (bool o, float[1, 2] r) { o = Identity(k) r = ${both} }> (once, "", x)
          flat = Reshape(f, row) y = MatMul(flat, w) }`,
      ),
    );
    const floats = (...values: number[]) =>
      new ort.Tensor("float32", Float32Array.from(values), [1, 2]);
    const data = [{ x: floats(0, 0), c: new ort.Tensor("bool", [true], [1]), t: floats(4, 5) }];
    const lossAt = async (level: "all" | "disabled") => {
      const runtime = { ...ort, sessionOptions: { graphOptimizationLevel: level } };
      const once = { ort: runtime, train: ["w"], loss: "mse", target: "t" } as const;
      const tuning = finetune(folded, once);
      const losses: number[] = [];
      for await (const { loss } of tuning.over(data)) losses.push(loss);
      await tuning.close();
      return losses;
    };
    await expect(lossAt("all")).rejects.toMatchObject({
      message: expect.stringMatching(/cannot run .*; its optimizer has lost a value: /),
      code: "optimizer",
    });
    expect(await lossAt("disabled")).toEqual([0.5]);
    const at = (name: string) => path.join(folder, name);
    fs.writeFileSync(at("net.onnx"), folded.toBytes());
    const [x, c] = [Float32Array.of(0, 0), Uint8Array.of(1)];
    const t = [Float32Array.of(4, 5), [1, 2]] as const;
    fs.writeFileSync(at("d.npz"), npzOf({ x: [x, [1, 2]], c: [c, [1], "b1"], t }));
    const asked = `finetune ${at("net.onnx")} --data ${at("d.npz")} --train w --loss mse --target t`;
    const { code, stdout, stderr } = cliProcess([
      ...`${asked} --epochs 1 --json --threads 1`.split(" "),
    ]);
    expect(stderr).toContain("lost a value of the model; starting again without optimizations.");
    expect([code, JSON.parse(stdout).epochs[0].train.loss]).toEqual([0, 0.5]);
  });

  it("runs what its losses need, not a Loop behind another output that never ends", async () => {
    const endless = await openModel(
      modelOfText(
        `<ir_version: 8, opset_import: ["" : 17]> g (float[N, 2] x) => (float[N, 2] y, float[N, 2] z) <float[2, 2] w = {1.0, 2.0, 3.0, 4.0}, bool go = {1}> { y = MatMul(x, w) z = Loop <body = b (int64 i, bool k, float[N, 2] h) => (bool o, float[N, 2] n) { o = Identity(k) n = Tanh(h) }> ("", go, y) }`,
      ),
    );
    const once = { ort, train: ["w"], loss: "mse", target: "t", output: "y", threads: 1 } as const;
    const tuning = finetune(endless, once);
    const ones = (value: number) =>
      new ort.Tensor("float32", Float32Array.of(value, value), [1, 2]);
    for await (const { loss } of tuning.over([{ x: ones(1), t: ones(0) }]))
      expect(loss).toBe((4 ** 2 + 6 ** 2) / 2);
    await tuning.close();
  });

  it("takes steps that are asked for side by side one after the other", async () => {
    const tuning = finetune(model, given);
    const go = async () => {
      const steps: number[] = [];
      for await (const { step } of tuning.over([0, 1, 2].map((k) => batch(4, `${k}`))))
        steps.push(step);
      return steps;
    };
    const steps = (await Promise.all([go(), go()])).flat();
    expect(steps.sort()).toEqual([1, 2, 3, 4, 5, 6]);
    await tuning.close();
  });

  const off = (more: Batch): Batch => ({ ...batch(4, "0"), ...more });
  const ids = (...values: number[]) =>
    new ort.Tensor("int64", BigInt64Array.from(values, BigInt), [values.length]);
  const wrong: [string, Partial<FinetuneOptions>, Batch, RegExp][] = [
    ["a missing target", {}, { x: batch(4, "0").x }, /a batch has no labels; it has x/],
    [
      "numbers that are not a tensor",
      {},
      off({ x: new Float32Array(4 * FEATURES) as never }),
      /x of a batch must be a Tensor/,
    ],
    [
      "another type",
      {},
      off({ x: new ort.Tensor("float64", new Float64Array(4 * FEATURES), [4, FEATURES]) }),
      /cannot run step 1, batch 1, \(.*double/,
    ],
    [
      "another shape",
      {},
      off({ x: new ort.Tensor("float32", new Float32Array(4), [4, 1]) }),
      /input x .* is \[N, 8\], and the batch has \[4, 1\]/,
    ],
    ["fewer labels than rows", {}, off({ labels: ids(0, 1) }), /have the shape \[4\]/],
    [
      "a label that is no class",
      {},
      off({ labels: ids(0, 1, 3, 0) }),
      /labels of a batch is 3 in row 2 .* 0 to 2/,
    ],
    ["a label below", {}, off({ labels: ids(0, -1, 2, 0) }), /labels of a batch is -1 in row 1 /],
  ];
  it.each(wrong)("refuses %s in a sentence, and closes after it", async (_, more, one, why) => {
    const tuning = finetune(model, { ...given, ...more });
    const all = async () => {
      for await (const _ of tuning.over([one]));
    };
    await expect(all()).rejects.toThrow(why);
    await expect(all()).rejects.toMatchObject({ name: "InputError" });
    await tuning.close();
  });

  it("refuses a cosine without a number of steps, and treats undefined as left out", async () => {
    expect(() => finetune(model, { ...given, schedule: "cosine" })).toThrow(/the number of steps/);
    const tuning = finetune(model, {
      ...given,
      optimizerOptions: { clip: undefined, betas: undefined },
      lossOptions: { ignoreIndex: undefined, classAxis: undefined },
    });
    const same = finetune(model, given);
    for (const one of [tuning, same]) for await (const _ of one.over([batch(4, "0")]));
    expect(bytesOf(tuning.weights)).toEqual(bytesOf(same.weights));
    await Promise.all([tuning.close(), same.close()]);
  });

  it("keeps the last weights that gave a finite loss", async () => {
    const tuning = finetune(model, { ...given, lr: 1e30 });
    const before = bytesOf(tuning.weights);
    const all = async () => {
      for await (const _ of tuning.over([0, 1, 2].map((k) => batch(4, `${k}`))));
    };
    await expect(all()).rejects.toThrow(/the loss is NaN at step 2, batch 2/);
    expect(bytesOf(tuning.weights)).toEqual(before);
    expect((await tuning.evaluate([batch(8, "held")])).loss).toBeLessThan(2);
    await tuning.close();
  });

  it("keeps a note of any length, which no header of a .safetensors file has room for", async () => {
    const tuning = finetune(model, given);
    for await (const _ of tuning.over([batch(4, "0")]));
    const note = "long ".repeat(1e5);
    const bytes = checkpointBytes(tuning, { best: {}, note });
    const header = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
    expect(Number(header)).toBeLessThan(note.length / 10);
    const again = finetune(model, given);
    expect(loadCheckpoint(again, bytes, { ort, name: "state" }).note).toBe(note);
    expect(bytesOf(again.weights)).toEqual(bytesOf(tuning.weights));
    await Promise.all([tuning.close(), again.close()]);
  });

  it("does not go on with another optimizer's state", async () => {
    const tuning = finetune(model, given);
    for await (const _ of tuning.over([batch(4, "0")]));
    const bytes = checkpointBytes(tuning, { best: {}, note: "anything" });
    const other = finetune(model, { ...given, optimizer: "sgd" });
    const { note } = loadCheckpoint(other, bytes, { ort, name: "state" });
    expect(note).toBe("anything");
    const all = async () => {
      for await (const _ of other.over([batch(4, "1")]));
    };
    await expect(all()).rejects.toThrow(/momentum_buffer; it belongs to another optimizer/);
    await Promise.all([tuning.close(), other.close()]);
  });

  it("follows a value inside the original", async () => {
    const distilling = {
      ort,
      threads: 1,
      loss: "distillation",
      teacher: plain,
      lossOptions: { distil: "features" },
    } as const;
    const tuning = finetune(model, { ...distilling, output: "y" });
    const { x } = batch(4, "0");
    expect(await tuning.evaluate([{ x }])).toMatchObject({ loss: 0, examples: 4 * FEATURES });
    await tuning.close();
    const lost = finetune(model, { ...distilling, output: "res.laurel.w" });
    await expect(lost.evaluate([{ x }])).rejects.toThrow(
      /the original or teacher, does not have a value/,
    );
    await lost.close();
  });
});

it("an output of unknown size is refused with the node that hides it", async () => {
  const text = `<ir_version: 8, opset_import: ["" : 17]> g (float[N, 3] x) => (float[N, K] y)
    <float[3, 3] w, bool yes = {1}> { h = MatMul(x, w)
    [turns] t = Loop <body = b (int64 i, bool c, float[R, S] v) => (bool more, float[P, Q] u)
      { u = Neg(v) n = ReduceSum <keepdims = 0> (u) more = Cast <to = 9> (n) }> ("", yes, h)
    y = Neg(t) }`;
  const target = { name: "wanted", type: { dtype: "float", shape: [4, 3] } };
  const options = { ort, loss: "mse", train: ["w"], inputs: { x: [4, 3] }, target } as const;
  await expect(stepGraph(await openModel(modelOfText(text)), options)).rejects.toThrow(
    /^the size of output y cannot be inferred .*: Loop at turns cannot be lowered into plain /,
  );
  // Sizes may come from values whose own size such values decide.
  const dense = modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
    g (float[N, T, 3] x) => (float[A, B, C] y) <float[3, 3] w, int64[1] zero = {0}, int64[1] last = {-1}, int64[2] wide = {-1, 3}>
    { s = Shape(x) f = Slice(s, zero, last) nz = NonZero(f) at = Squeeze(nz, zero) free = Gather(f, at)
    flat = Reshape(x, wide) m = MatMul(flat, w) o = Concat <axis = 0> (free, last) y = Reshape(m, o) }`);
  const wide = { ...target, type: { dtype: "float", shape: [4, 2, 3] } };
  const sized = { ...options, inputs: { x: [4, 2, 3] }, target: wide };
  expect((await stepGraph(await openModel(dense), sized)).slots.length).toBe(1);
  const unfit = modelOfText(
    '<ir_version: 8, opset_import: ["" : 17]> g (float[N, T] x, float[M, T] u) => (float[N, K] y) <float[3, 3] w> { e = SequenceEmpty() q = SequenceInsert(e, u) n = SequenceLength(q) c = Cast <to = 1> (n) m = Mul(x, c) h = MatMul(m, w) [both] s = Add(h, u) y = Neg(s) }',
  );
  const inputs = { x: [4, 3], u: [2, 3] };
  await expect(stepGraph(await openModel(unfit), { ...options, inputs })).rejects.toThrow(
    /: Add at both takes \[4, 3\] and \[2, 3\], and the size of its result is not known; check --batch-axis/,
  );
});

describe("a step over several workers", () => {
  it("is that of the whole batch if gradients are averaged by their number of examples", async () => {
    const all = batch(6, "all", 2);
    const cut = ({ data, dims: [, ...dims], type, size }: ort.Tensor, from: number, to: number) => {
      const width = size / 6;
      const part = (data as Float32Array).slice(from * width, to * width);
      return new ort.Tensor(type as "float32", part, [to - from, ...dims]);
    };
    const sized = (rows: number) =>
      stepGraph(model, {
        ort,
        loss: "cross-entropy",
        inputs: { x: [rows, FEATURES] },
        target: { name: "labels", type: { dtype: "int64", shape: [rows] } },
      });
    const gradientsOf = async (feeds: Batch) => {
      const graphs = await sized(feeds.x.dims[0]);
      const session = await sessionOn(graphs.gradients.toBytes());
      const start = finetune(model, given).weights as Record<string, ort.Tensor>;
      const outputs = await session.run({ ...feeds, ...start });
      await session.release();
      const count = Number(outputs[graphs.examples].data[0]);
      const of = Object.entries(graphs.gradientOf).map(
        ([name, output]) => [name, [...(outputs[output].data as Float32Array)]] as const,
      );
      return { count, of: Object.fromEntries(of) };
    };
    const whole = await gradientsOf(all);
    const parts: Awaited<ReturnType<typeof gradientsOf>>[] = [];
    for (const [from, to] of [
      [0, 3],
      [3, 6],
    ])
      parts.push(await gradientsOf({ x: cut(all.x, from, to), labels: cut(all.labels, from, to) }));
    expect([whole.count, ...parts.map(({ count }) => count)]).toEqual([4, 1, 3]);
    for (const [name, gradient] of Object.entries(whole.of))
      for (const [k, g] of gradient.entries()) {
        const averaged = parts.reduce((sum, { count, of }) => sum + (count * of[name][k]) / 4, 0);
        expect(Math.abs(averaged - g), name).toBeLessThan(1e-6);
      }
  });
});

describe("one session with the weights as inputs", () => {
  it.each([
    { variant: "rw" as const, perChannel: true },
    { variant: "pa" as const },
    { variant: "rw+lr+pa" as const, train: ["head"] },
  ])("serves two adapters of %o, each as its own tuned model", async ({ train, ...how }) => {
    const { adapterFeeds, weightsAsInputs } = await import("laurelize");
    const twoBlocks = LITTLE.replace(
      "[res] y = Add(x, f)",
      "[one] z = Add(x, f)\n  wide2 = MatMul(z, up)\n  bent2 = Relu(wide2)\n  g = MatMul(bent2, down)\n  [res] y = Add(z, g)",
    );
    const laurel = await laurelize(await openModel(modelOfText(twoBlocks)), {
      ort,
      featureAxis: 1,
      rank: 2,
      ...how,
    });
    const tune = async (seed: string): Promise<Model> => {
      const tuning = finetune(laurel.model, { ...given, train });
      for await (const _ of tuning.over([0, 1, 2].map((k) => batch(8, seed + k))));
      await tuning.close();
      return tunedModel(laurel.model, tuning.weights);
    };
    const tuned = [await tune("a"), await tune("b")];
    const adapters = await Promise.all(tuned.map((each) => extractAdapter(each, { train })));
    expect(adapterBytes(adapters[0])).not.toEqual(adapterBytes(adapters[1]));
    const names = adapters[0].tensors.map(({ name }) => name);
    expect(names.includes("head")).toBe(train !== undefined);
    const disabled = { graphOptimizationLevel: "disabled" } as const;
    const served = await sessionOn(weightsAsInputs(laurel.model, names).toBytes(), disabled);
    const { x } = batch(5, "request");
    for (const k of [0, 1, 0]) {
      const feeds = { x, ...(adapterFeeds(adapters[k], { ort }) as Batch) };
      const own = await sessionOn(tuned[k].toBytes(), disabled);
      const [{ p: got }, { p: wanted }] = [await served.run(feeds), await own.run({ x })];
      expect(got.dims).toEqual([5, CLASSES]);
      expect(got.data).toEqual(wanted.data);
      await own.release();
    }
    await served.release();
  });
});
