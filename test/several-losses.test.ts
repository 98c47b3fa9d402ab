import fs from "node:fs";
import path from "node:path";
import {
  type FitOptions,
  InputError,
  laurelize,
  type Model,
  openModel,
  fit as train,
} from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { cli } from "./support/cli.ts";
import { temporaryFolder } from "./support/fixture.ts";
import { npzOf } from "./support/npz-file.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { sessionOn } from "./support/session.ts";

const folder = temporaryFolder();
const at = (name: string) => path.join(folder, name);
const cases = path.join(import.meta.dirname, "cases/finetuning");
const [ROWS, CLASSES] = [8, 5];

const x = Float32Array.from({ length: ROWS * 3 * 16 * 16 }, (_, k) => Math.sin(k * 0.37));
const labels = Array.from({ length: ROWS }, (_, k) => (k === 5 ? -100 : k % CLASSES));
const value = Float32Array.from({ length: ROWS }, (_, k) => Math.cos(k));
const arrays = {
  x: [x, [ROWS, 3, 16, 16]],
  labels: [BigInt64Array.from(labels, BigInt), [ROWS]],
  value: [value, [ROWS, 1]],
} as const;
fs.writeFileSync(at("two.npz"), npzOf(arrays as never));

/** What the model gives for x, in float64. */
async function outputsOf(model: Model): Promise<Record<string, number[]>> {
  const session = await sessionOn(model.toBytes());
  const outputs = await session.run({ x: new ort.Tensor("float32", x, [ROWS, 3, 16, 16]) });
  await session.release();
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { data }]) => [name, Array.from(data as Float32Array)]),
  );
}

const two = await openModel(path.join(cases, "two-heads.onnx"));
const { model } = await laurelize(two, { ort, variant: "rw" });
const outputs = await outputsOf(model);
const counted = labels.flatMap((label, k) => (label >= 0 ? [[label, k] as const] : []));
const logP = (label: number, k: number) => {
  const row = outputs.logits.slice(k * CLASSES, (k + 1) * CLASSES);
  return row[label] - Math.log(row.reduce((sum, z) => sum + Math.exp(z), 0));
};
const mean = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0) / numbers.length;
const CROSS_ENTROPY = mean(counted.map(([label, k]) => -logP(label, k)));
const SQUARED = mean(outputs.value.map((y, k) => (y - value[k]) ** 2));

/** A first pass on two batches of unlike numbers of labels that count. */
const first = (options: Partial<FitOptions>) =>
  train(model, {
    ort,
    data: at("two.npz"),
    eval: at("two.npz"),
    epochs: 1,
    batchSize: 3,
    lr: 1e-9,
    threads: 1,
    ...options,
  });

const squared = (
  opset: number,
  inside = "",
  shape = "N, K",
) => `<ir_version: 8, opset_import: ["" : ${opset}]>
loss (float[${shape}] output, float[N, K] target) => (float loss, float mae)
<float[1] half = {0.5}, float[1] two = {2.0}>
{
  d = Sub(output, target)
  s = Pow(d, two)
  ${inside}
  loss = ReduceMean<keepdims = 0>(s)
  a = Abs(d)
  mae = ReduceMean<keepdims = 0>(a)
}`;

describe("several losses", () => {
  it("are summed by their weights, each a mean over its own examples", async () => {
    const { history, plan } = await first({
      losses: [
        { output: "logits", loss: "cross-entropy", target: "labels" },
        { output: "value", loss: "mse", target: "value", weight: 0.25 },
      ],
    });
    const { before } = history;
    expect(before!.loss).toBeCloseTo(CROSS_ENTROPY + 0.25 * SQUARED, 6);
    expect(before!.metrics["logits.loss"]).toBeCloseTo(CROSS_ENTROPY, 6);
    expect(before!.metrics["value.loss"]).toBeCloseTo(SQUARED, 6);
    expect(plan.terms.map(({ label, loss, weight }) => [label, loss, weight])).toEqual([
      ["logits", "cross-entropy", 1],
      ["value", "mse", 0.25],
    ]);
  });

  it("of one kind on one output are distinguished", async () => {
    const half = {
      output: "logits",
      loss: "cross-entropy",
      target: "labels",
      weight: 0.5,
    } as const;
    const { history, plan } = await first({ losses: [half, half], metrics: ["accuracy"] });
    const labels = [1, 2].map((place) => `logits.cross-entropy.labels.${place}`);
    expect(plan.terms.map(({ label }) => label)).toEqual(labels);
    expect(history.before!.loss).toBeCloseTo(CROSS_ENTROPY, 6);
    for (const label of labels)
      expect(history.before!.metrics[`${label}.loss`]).toBeCloseTo(CROSS_ENTROPY, 6);
  });

  it("have the gradient of their sum: weights move as with one loss of the same sum", async () => {
    const moved = async (options: Partial<FitOptions>) => {
      const optimizerOptions = { momentum: 0, clip: 0, weightDecay: 0 };
      const batchSize = ROWS;
      const more = { optimizer: "sgd" as const, lr: 1, optimizerOptions, batchSize };
      const { adapter } = await first({ ...more, ...options });
      return adapter.tensors.map(({ data }) => Array.from(new Float32Array(data.slice().buffer)));
    };
    const half = { output: "value", loss: "mse", target: "value", weight: 0.5 } as const;
    const apart = await moved({ losses: [half, half] });
    const once = await moved({ loss: "mse", output: "value", target: "value" });
    const halved = await moved({ losses: [half] });
    expect(apart.flat().every((w, k) => Math.abs(w - once.flat()[k]) < 1e-6)).toBe(true);
    const start = await moved({ losses: [{ ...half, weight: 0 }] });
    const step = (to: number[][]) => to.flat().map((w, k) => w - start.flat()[k]);
    for (const [k, d] of step(once).entries()) expect(step(halved)[k]).toBeCloseTo(d / 2, 5);
  });

  it("on the command line are written OUTPUT=LOSS:TARGET*WEIGHT", () => {
    const given = ["finetune", path.join(cases, "two-heads.onnx"), "--data", at("two.npz")];
    const more = ["-e", "1", "--variant", "rw", "-o", at("o.onnx"), "-f", "--json"];
    const terms = ["--loss", "logits=cross-entropy:labels", "--loss", "value=mse:value*0.25"];
    const ran = cli([...given, ...terms, ...more]);
    expect(ran.code, ran.stderr).toBe(0);
    const [epoch] = JSON.parse(ran.stdout).epochs;
    expect(epoch.train.loss).toBeCloseTo(CROSS_ENTROPY + 0.25 * SQUARED, 5);
    const log = JSON.parse(fs.readFileSync(at("o.json"), "utf8"));
    expect(log.settings.loss).toEqual(["logits=cross-entropy:labels", "value=mse:value*0.25"]);
    const wrong = cli([...given, "--loss", "value=mse:value*big", ...more]);
    expect([wrong.code, wrong.stderr]).toEqual([
      2,
      expect.stringMatching(/OUTPUT=LOSS:TARGET\*WEIGHT/),
    ]);
    const none = cli([...given, "--loss", "value=MSELoss:value", ...more]);
    expect(none.code).toBe(2);
    expect(none.stderr).toContain('there is no loss "MSELoss"; did you mean mse?');
  });
});

describe("a model that computes its loss", () => {
  it("is trained by its own output", async () => {
    const name = path.join(cases, "loss-inside");
    const given = ["finetune", `${name}.onnx`, "--data", `${name}.npz`, "--loss", "output"];
    const more = [
      "-e",
      "3",
      "--lr",
      "0.05",
      "--variant",
      "rw+lr",
      "-o",
      at("i.onnx"),
      "-f",
      "--json",
    ];
    const ran = cli([...given, ...more]);
    expect(ran.code, ran.stderr).toBe(0);
    const { epochs } = JSON.parse(ran.stdout);
    expect(epochs[2].train.loss).toBeLessThan(epochs[0].train.loss);
    const wide = cli([...given, "--output-name", "logits", ...more]);
    expect(wide.code, wide.stderr).toBe(0);
    expect(JSON.parse(wide.stdout).epochs[0].train.loss).not.toBe(epochs[0].train.loss);
  });
});

describe("a graph of plain ONNX", () => {
  const graph = async (text: string) => openModel(modelOfText(text));

  it("is a loss: its mean is trained, and its other scalars are metrics", async () => {
    const forms = [
      squared(13),
      squared(17, "c = Cast<to = 1>(s)"),
      // Axes in the form of another opset.
      squared(12, "u = ReduceMean<axes = [-1]>(s) v = Squeeze<axes = [1]>(u)"),
      squared(20, "u = ReduceMax(d, axes) v = Squeeze(u, axes) w = Reshape<allowzero = 1>(v, axes)")
        .replace("two = {2.0}", "two = {2.0}, int64[1] axes = {-1}")
        .replaceAll("<keepdims = 0>", "<keepdims = 0, noop_with_empty_axes = 0>"),
    ];
    for (const form of forms) {
      const loss = await graph(form);
      const { history } = await first({ loss, output: "value", target: "value", batchSize: 8 });
      expect(history.before!.loss).toBeCloseTo(SQUARED, 6);
      const absolute = mean(outputs.value.map((y, k) => Math.abs(y - value[k])));
      expect(history.before!.metrics.mae).toBeCloseTo(absolute, 6);
    }
  });

  it("reads arrays of the data and other outputs by the names of its inputs", async () => {
    const weighted = `<ir_version: 8, opset_import: ["" : 17]>
loss (float[N] output, float[N] value, int64[N, 1] labels, float[N, C] output.logits) => (float[N] loss)
<int64 zero = {0}, int64[1] axis = {1}>
{
  d = Sub(output, value) square = Mul(d, d)
  counts = Greater(labels, zero) weight = Cast<to = 1>(counts)
  w = Squeeze(weight, axis) weighted = Mul(square, w)
  largest = ReduceMax<axes = [1], keepdims = 0>(output.logits) loss = Add(weighted, largest)
}`;
    const loss = await graph(weighted);
    const { history } = await first({ loss, output: "value", target: undefined });
    const rows = outputs.value.map((y, k) => {
      const logits = outputs.logits.slice(k * CLASSES, (k + 1) * CLASSES);
      return (labels[k] > 0 ? (y - value[k]) ** 2 : 0) + Math.max(...logits);
    });
    expect(history.before!.loss).toBeCloseTo(mean(rows), 6);
  });

  it.each([
    [
      "of another size",
      squared(17, "", "N, 2"),
      /its input output is float \[N, 2\], .* float \[8, 1\]/,
    ],
    [
      "of an array that the data lacks",
      squared(17).replaceAll("target", "label"),
      /no array label/,
    ],
    [
      "of an output that the model lacks",
      squared(17).replaceAll("target", "output.boxes"),
      /the output\.boxes of loss .* is boxes, which is no output of .*; it has logits, value/,
    ],
    ["without an output", squared(17).replaceAll("output", "o"), /inputs o, target; a loss has/],
    [
      "of another opset",
      squared(18, "u, v = Split<num_outputs = 2>(s)"),
      /opset 18 and the model opset 17: Split changed/,
    ],
    [
      "with an operator of another domain",
      squared(17, "u = com.microsoft.Gelu(s)"),
      /calls com.microsoft.Gelu/,
    ],
  ])("and refused in a sentence if it is %s", async (_, text, why) => {
    const run = async () =>
      first({ loss: await graph(text), output: "value", target: "value", batchSize: 8 });
    const error = await run().catch((e) => e);
    expect(error).toBeInstanceOf(InputError);
    expect(error.message).toMatch(why);
  });
});

describe("a teacher", () => {
  it("may be another model, whose only output of floats is followed", async () => {
    const teacher = await openModel(path.join(cases, "small-resnet.onnx"));
    const own = await outputsOf(teacher);
    const [t] = Object.values(own);
    const soft = (z: readonly number[], k: number) => {
      const row = z.slice(k * CLASSES, (k + 1) * CLASSES).map((each) => Math.exp(each / 2));
      const sum = row.reduce((a, b) => a + b, 0);
      return row.map((each) => each / sum);
    };
    const divergence = mean(
      Array.from({ length: ROWS }, (_, k) => {
        const [q, p] = [soft(t, k), soft(outputs.logits, k)];
        return 4 * q.reduce((sum, each, c) => sum + each * Math.log(each / p[c]), 0);
      }),
    );
    const { history } = await first({
      teacher,
      losses: [
        { output: "logits", loss: "cross-entropy", target: "labels" },
        { output: "logits", loss: "distillation", weight: 0.5 },
      ],
    });
    expect(history.before!.loss).toBeCloseTo(CROSS_ENTROPY + 0.5 * divergence, 5);
    const named = first({
      teacher,
      losses: [{ output: "logits", loss: "distillation", target: "nothing" }],
    });
    await expect(named).rejects.toThrow(/original or teacher, does not have a value nothing/);
    const wider = await openModel(
      modelOfText(
        `<ir_version: 8, opset_import: ["" : 17]> net (float[n, 99] x) => (float[n, 99] logits) { logits = Relu(x) }`,
      ),
    );
    const unfit = first({ teacher: wider, losses: [{ output: "logits", loss: "distillation" }] });
    await expect(unfit).rejects.toThrow(/^the teacher .* does not run on the student's batches: /);
  });
});
