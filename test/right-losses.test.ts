import path from "node:path";
import {
  batches,
  type FinetuneOptions,
  finetune,
  laurelize,
  type Model,
  openDataset,
  openModel,
  type Tensors,
  fit as tuned,
} from "laurelize";
import type { Tensor } from "onnxruntime-node";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { uniform } from "../src/graph/random.ts";
import { cli } from "./support/cli.ts";
import { temporaryFolder } from "./support/fixture.ts";
import { npzOf } from "./support/npz-file.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { sessionOn } from "./support/session.ts";

type LossName = FinetuneOptions["loss"];

const folder = temporaryFolder();
const cases = path.join(import.meta.dirname, "cases/finetuning");
const numbers = (tensor: Tensor) => Array.from(tensor.data as Float32Array, Number);
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

async function run(model: Model, feeds: Tensors): Promise<Record<string, Tensor>> {
  const session = await sessionOn(model.toBytes(), { logSeverityLevel: 4 });
  const inputs = session.inputNames.map((name) => [name, feeds[name] as Tensor]);
  const outputs = await session.run(Object.fromEntries(inputs));
  await session.release();
  return outputs as Record<string, Tensor>;
}

/** −ln p of a label among the classes of `axis`, at each position, of scores or of their softmax. */
function surprises(y: Tensor, labels: readonly number[], axis: number, isP = false): number[] {
  const data = numbers(y);
  const classes = y.dims[axis];
  const inner = y.dims.slice(axis + 1).reduce((a, b) => a * b, 1);
  return labels.map((label, place) => {
    const from = Math.floor(place / inner) * inner * classes + (place % inner);
    const row = Array.from({ length: classes }, (_, k) => data[from + k * inner]);
    if (isP) return -Math.log(row[label]);
    const top = Math.max(...row);
    return top + Math.log(row.reduce((a, z) => a + Math.exp(z - top), 0)) - row[label];
  });
}

const binary = (p: number, t: number) => -(t * Math.log(p) + (1 - t) * Math.log(1 - p));

const ROWS = 6;
const text = (
  body: string,
  output: string,
  opset = 17,
) => `<ir_version: 8, opset_import: ["" : ${opset}]>
net (float[N, 8] x) => (${output})
<float[8, 16] up, float[16, 8] down, float[8, 3] head, float[8, 3] other, float[8, 2] small,
 int64[1] zero = {0}, int64[1] one = {1}, int64[1] two = {2}, int64[1] three = {3}, int64[3] cube = {-1, 1, 3},
 float[1] low = {1e-7}, float[1] high = {0.9999999}, float[1] fifth = {0.2}, float[1] half = {0.5}, float[1] unit = {1}>
{
  wide = MatMul(x, up)
  nonlinear = Relu(wide)
  f = MatMul(nonlinear, down)
  [res] y = Add(x, f)
  a = MatMul(y, head)
  b = MatMul(y, other)
  c = MatMul(y, small)
  ${body}
}`;

const floats = (name: string, ...dims: number[]) => {
  const next = uniform(7, name);
  const count = dims.reduce((a, b) => a * b, 1);
  const data = Float32Array.from({ length: count }, () => 4 * next() - 2);
  return new ort.Tensor("float32", data, dims);
};
const x = floats("x", ROWS, 8);
const int64 = (values: readonly number[], dims: number[] = [values.length]) =>
  new ort.Tensor("int64", BigInt64Array.from(values, BigInt), dims);

async function evaluated(body: string, output: string, loss: LossName, target: Tensor, more = {}) {
  const original = await openModel(modelOfText(text(body, output)));
  const { model } = await laurelize(original, { ort, variant: "rw", featureAxis: 1 });
  const tuning = finetune(model, { ort, threads: 1, loss, target: "target", lossOptions: more });
  const batch = { x, target };
  const { output: on, notes, reading } = await tuning.plan(batch);
  const got = await tuning.evaluate([batch]);
  for await (const step of tuning.over([batch])) {
    expect(step.loss).toBeCloseTo(got.loss, 5);
    expect(step.norm).toBeGreaterThan(0);
  }
  await tuning.close();
  const outputs = await run(original, { x });
  return { ...got, on, notes, reading, y: Object.values(outputs)[0], outputs };
}

const hard = [0, 2, 1, 1, 2, 0];
const yes = (count: number) => Array.from({ length: count }, (_, k) => (k * 7) % 3 === 0);

describe("an activation behind what keeps or joins values is applied once", () => {
  const sigmoids: [string, string, string][] = [
    [
      "Concat of heads",
      "p = Sigmoid(a) q = Sigmoid(c) o = Concat<axis = 1>(p, q)",
      "float[N, 5] o",
    ],
    ["Clip", "p = Sigmoid(a) o = Clip(p, low, high)", "float[N, 3] o"],
    ["Max and Min", "p = Sigmoid(a) u = Max(p, low) o = Min(high, u)", "float[N, 3] o"],
    ["Slice", "p = Sigmoid(a) o = Slice(p, zero, two, one)", "float[N, 2] o"],
    ["Gather", "p = Sigmoid(a) o = Gather<axis = 1>(p, one)", "float[N, 1] o"],
    ["Split", "p = Sigmoid(a) o, rest = Split<axis = 1>(p, one_two)", "float[N, 1] o"],
    [
      "Transpose twice",
      "p = Sigmoid(a) t = Transpose<perm = [1, 0]>(p) o = Transpose(t)",
      "float[N, 3] o",
    ],
    [
      "a scored head beside a plain one",
      "p = Sigmoid(a) o = Concat<axis = 1>(p, logits)",
      "float[N, 5] o",
    ],
  ];
  it.each(sigmoids)("Sigmoid, then %s", async (name, body, output) => {
    const more = name.startsWith("Split") ? "" : "";
    const given = body.replace("one_two", "pieces").replace("logits", "c");
    const declared = name === "Split" ? `pieces = Constant<value_ints = [1, 2]>() ${more}` : "";
    const width = Number(/, (\d)\]/.exec(output)![1]);
    const t = yes(ROWS * width).map(Number);
    const target = new ort.Tensor("float32", Float32Array.from(t), [ROWS, width]);
    const got = await evaluated(`${declared} ${given}`, output, "binary-cross-entropy", target);
    // Of the plain head the output is the logit itself.
    const isLogit = (k: number) => name.includes("plain") && k % width >= 3;
    const p = numbers(got.y).map((v, k) => (isLogit(k) ? 1 / (1 + Math.exp(-v)) : v));
    expect(got.loss).toBeCloseTo(mean(p.map((v, k) => binary(v, t[k]))), 5);
    expect(got.metrics.accuracy).toBeCloseTo(
      mean(p.map((v, k) => Number(v > 0.5 === t[k] > 0))),
      6,
    );
    expect(got.notes).toEqual([]);
  });

  const softmaxes: [string, string, string, number[]][] = [
    ["Clip", "p = Softmax<axis = 1>(a) o = Clip(p, low, high)", "float[N, 3] o", [ROWS]],
    [
      "Relu and Cast",
      "p = Softmax<axis = -1>(a) q = Relu(p) h = Cast<to = 11>(q) o = Cast<to = 1>(h)",
      "float[N, 3] o",
      [ROWS],
    ],
    [
      "exp and sum",
      "e = Exp(a) s = ReduceSum<keepdims = 1>(e, one) o = Div(e, s)",
      "float[N, 3] o",
      [ROWS],
    ],
    [
      "Concat of positions",
      "u = Unsqueeze(a, one) v = Unsqueeze(b, one) p = Softmax<axis = 2>(u) q = Softmax<axis = 2>(v) o = Concat<axis = 1>(p, q)",
      "float[N, 2, 3] o",
      [ROWS, 2],
    ],
    [
      "Transpose",
      "p = Softmax<axis = 1>(a) r = Reshape(p, cube) o = Transpose<perm = [0, 2, 1]>(r)",
      "float[N, 3, 1] o",
      [ROWS, 1],
    ],
  ];
  it.each(softmaxes)("Softmax, then %s", async (_, body, output, dims) => {
    const labels = Array.from({ length: dims.reduce((a, b) => a * b) }, (_, k) => hard[k % ROWS]);
    const got = await evaluated(body, output, "cross-entropy", int64(labels, dims));
    expect(got.loss).toBeCloseTo(mean(surprises(got.y, labels, got.reading.axis!, true)), 5);
    expect(got.notes).toEqual([]);
  });
});

describe("if logits cannot be distinguished from probabilities, the loss is that of the probabilities", () => {
  const shares: [string, string, string][] = [
    ["a product of Sigmoids", "p = Sigmoid(a) q = Sigmoid(b) o = Mul(p, q)", "float[N, 3] o"],
    ["1 - Sigmoid", "p = Sigmoid(a) o = Sub(unit, p)", "float[N, 3] o"],
    ["a Softmax", "o = Softmax<axis = 1>(a)", "float[N, 3] o"],
    ["a LogSoftmax", "o = LogSoftmax<axis = 1>(a)", "float[N, 3] o"],
    ["a mean of Sigmoids", "p = Sigmoid(a) q = Sigmoid(b) o = Mean(p, q)", "float[N, 3] o"],
    ["a Clip that changes values", "p = Sigmoid(a) o = Clip(p, fifth, high)", "float[N, 3] o"],
    ["1 / (1 + exp)", "n = Neg(a) e = Exp(n) s = Add(e, unit) o = Div(unit, s)", "float[N, 3] o"],
    [
      "a head beside a Softmax",
      "p = Sigmoid(a) q = Softmax<axis = 1>(c) o = Concat<axis = 1>(p, q)",
      "float[N, 5] o",
    ],
  ];
  it.each(shares)("binary-cross-entropy on %s", async (name, body, output) => {
    const width = Number(/, (\d)\]/.exec(output)![1]);
    const t = yes(ROWS * width).map(Number);
    const target = new ort.Tensor("float32", Float32Array.from(t), [ROWS, width]);
    const got = await evaluated(body, output, "binary-cross-entropy", target);
    const p = numbers(got.y).map((v) => (name === "a LogSoftmax" ? Math.exp(v) : v));
    expect(got.loss).toBeCloseTo(mean(p.map((v, k) => binary(v, t[k]))), 4);
    expect(got.notes[0]).toMatch(/^the loss is computed from probabilities: output o .*--logits/);
  });

  it.each([
    ["a Sigmoid", "o = Sigmoid(a)"],
    ["a mean of Softmaxes", "p = Softmax<axis = 1>(a) q = Softmax<axis = 1>(b) o = Mean(p, q)"],
    [
      "classes of two heads",
      "p = Softmax<axis = 1>(c) q = Sigmoid(a) r = Slice(q, zero, one, one) o = Concat<axis = 1>(p, r)",
    ],
    ["a Softmax along the batch", "o = Softmax<axis = 0>(a)"],
  ])("cross-entropy on %s", async (_, body) => {
    const got = await evaluated(body, "float[N, 3] o", "cross-entropy", int64(hard));
    expect(got.loss).toBeCloseTo(mean(surprises(got.y, hard, 1, true)), 5);
    expect(got.notes[0]).toMatch(/^the loss is computed from probabilities/);
  });

  it.each([
    ["a Relu", "o = Relu(a)"],
    ["a Mul by a Sigmoid", "p = Sigmoid(b) o = Mul(a, p)"],
    ["a Clip of logits", "m = Neg(unit) n = Mul(m, three_f) o = Clip(a, n, three_f)"],
  ])("and not on %s, which is no probability", async (_, body) => {
    const declared = "three_f = Constant<value_float = 3.0>()";
    const got = await evaluated(
      `${declared} ${body}`,
      "float[N, 3] o",
      "cross-entropy",
      int64(hard),
    );
    expect(got.loss).toBeCloseTo(mean(surprises(got.y, hard, 1)), 5);
    expect(got.notes).toEqual([]);
  });

  it("and a probability of 0 or 1 counts as PyTorch's binary_cross_entropy has it", async () => {
    const body =
      "big = Constant<value_float = 1000.0>() z = Mul(a, big) p = Sigmoid(z) q = Softmax<axis = 1>(z) o = Mul(p, unit)";
    const t = yes(ROWS * 3).map(Number);
    const target = new ort.Tensor("float32", Float32Array.from(t), [ROWS, 3]);
    const got = await evaluated(body, "float[N, 3] o", "binary-cross-entropy", target);
    const bounded = (v: number) => Math.max(-100, Math.log(v));
    const each = numbers(got.y).map((v, k) => -(t[k] * bounded(v) + (1 - t[k]) * bounded(1 - v)));
    expect(got.loss).toBeCloseTo(mean(each), 3);
  });

  it("unless values says what the output holds", async () => {
    const logits = await evaluated(
      "o = Sigmoid(a)",
      "float[N, 3] o",
      "cross-entropy",
      int64(hard),
      { values: "logits" },
    );
    expect(logits.loss).toBeCloseTo(mean(surprises(logits.y, hard, 1)), 5);
    const p = await evaluated(
      "o = Softmax<axis = 1>(a)",
      "float[N, 3] o",
      "cross-entropy",
      int64(hard),
      { values: "probabilities" },
    );
    expect(p.loss).toBeCloseTo(mean(surprises(p.y, hard, 1, true)), 5);
    expect([logits.notes, p.notes]).toEqual([[], []]);
  });
});

describe("targets are read in the one way that they can be", () => {
  const logits = ["o = Identity(a)", "float[N, 3] o", "cross-entropy"] as const;
  const single = (values: readonly number[], dims: number[] = [values.length]) =>
    new ort.Tensor("float32", Float32Array.from(values), dims);

  it.each([
    ["floats", single(hard)],
    ["a column", int64(hard, [ROWS, 1])],
    [
      "one-hot integers",
      int64(
        hard.flatMap((k) => [0, 1, 2].map((j) => Number(j === k))),
        [ROWS, 3],
      ),
    ],
  ])("class labels as %s", async (_, target) => {
    const got = await evaluated(...logits, target);
    expect(got.loss).toBeCloseTo(mean(surprises(got.y, hard, 1)), 5);
  });

  it("class labels as masks with an axis in place of the classes", async () => {
    const twice =
      "k = Constant <value_ints = [2]> () u = Unsqueeze(a, k) o = Concat <axis = 2> (u, u)";
    const target = int64(
      hard.flatMap((label) => [label, label]),
      [ROWS, 1, 2],
    );
    const got = await evaluated(twice, "float[N, 3, 2] o", "cross-entropy", target);
    const { y } = await evaluated(...logits, int64(hard));
    expect(got.loss).toBeCloseTo(mean(surprises(y, hard, 1)), 5);
  });

  it.each([
    [
      "no whole numbers",
      single([0, 1.5, 1, 1, 2, 0]),
      / is 1.5 in row 1 .from 0.; class labels are integers/,
    ],
    ["a label of -1", int64([0, -1, 1, 1, 2, 0]), / is -1 in row 1 .from 0., .*--ignore-index -1/],
    [
      "several ones",
      int64(
        Array.from({ length: 18 }, () => 1),
        [ROWS, 3],
      ),
      /row 0 .*binary-cross-entropy/,
    ],
    ["another number of labels", int64([0, 1]), /labels .* must have the shape \[6\]/],
  ])("and refused with %s in words", async (_, target, why) => {
    await expect(evaluated(...logits, target)).rejects.toThrow(why);
  });

  it("and refused in words if they are of a larger map", async () => {
    const map = "k = Constant <value_ints = [2, 3]> () o = Unsqueeze(a, k)";
    const labels = int64(new Array(ROWS * 4).fill(0), [ROWS, 2, 2]);
    await expect(evaluated(map, "float[N, 3, 1, 1] o", "cross-entropy", labels)).rejects.toThrow(
      /must have the shape \[6, 1, 1\], but these have \[6, 2, 2\]; resize the labels to the output/,
    );
  });

  it("integers of values, and a missing axis of size 1", async () => {
    const t = [0, 1, 1, 0, 1, 0];
    const body = "q = Gather<axis = 1>(a, one) o = Sigmoid(q)";
    const got = await evaluated(body, "float[N, 1] o", "binary-cross-entropy", int64(t));
    expect(got.loss).toBeCloseTo(mean(numbers(got.y).map((v, k) => binary(v, t[k]))), 5);
  });

  it("the axis of classes is the one that fits, that of a Softmax, or asked for", async () => {
    const labels = int64(
      Array.from({ length: 18 }, (_, k) => k % 3),
      [ROWS, 3],
    );
    const both = "u = Unsqueeze(a, one) v = Unsqueeze(b, one) w = Concat<axis = 1>(u, v)";
    const square = `${both} s = Concat<axis = 1>(w, u)`;
    const given = (body: string, output: string, more = {}) =>
      evaluated(body, output, "cross-entropy", labels, more);
    const fits = await given(`${both} o = Identity(w)`, "float[N, 2, 3] o").catch((e) => e.message);
    // Labels 0 to 2 of two classes.
    expect(fits).toMatch(/ is 2 in row 0 .from 0., and the model's 2 classes/);
    const asked = given(`${square} o = Identity(s)`, "float[N, 3, 3] o");
    await expect(asked).rejects.toThrow(
      /\[6, 3, 3\] fits labels \[6, 3\] .* axis 1 or 2; .*--class-axis/,
    );
    for (const axis of [1, 2]) {
      const told = await given(`${square} o = Softmax<axis = ${axis}>(s)`, "float[N, 3, 3] o");
      expect(told.reading.axis).toBe(axis);
      const said = await given(`${square} o = Identity(s)`, "float[N, 3, 3] o", {
        classAxis: axis,
      });
      const wanted = surprises(said.y, numbers(labels as Tensor), axis);
      expect(said.loss).toBeCloseTo(mean(wanted), 5);
      expect(told.loss).toBeCloseTo(mean(wanted), 5);
    }
  });

  it("the axis of shares is the one along which they sum to 1, or asked for", async () => {
    const body =
      "u = Unsqueeze(a, one) v = Unsqueeze(b, one) w = Concat<axis = 1>(u, v) o = Concat<axis = 1>(w, u)";
    // Uneven shares of three classes at each of three positions, the classes first or last.
    const shares = (axis: number) =>
      Array.from({ length: ROWS * 9 }, (_, k) => {
        const [i, j] = [Math.floor(k / 3) % 3, k % 3];
        const [c, t] = axis === 1 ? [i, j] : [j, i];
        return (c + t * 2 + 1) / (3 * t * 2 + 6);
      });
    const given = (values: number[], more = {}) =>
      evaluated(body, "float[N, 3, 3] o", "cross-entropy", single(values, [ROWS, 3, 3]), more);
    for (const axis of [1, 2]) {
      const { loss, reading, y } = await given(shares(axis));
      expect(reading.axis).toBe(axis);
      const places = Array.from({ length: ROWS * 3 }, (_, k) => k);
      const q = shares(axis);
      const each = [0, 1, 2].map((c) =>
        surprises(
          y,
          places.map(() => c),
          axis,
        ),
      );
      const at = (place: number, c: number) =>
        axis === 1 ? Math.floor(place / 3) * 9 + c * 3 + (place % 3) : place * 3 + c;
      const wanted = places.map((k) =>
        [0, 1, 2].reduce((sum, c) => sum + q[at(k, c)] * each[c][k], 0),
      );
      expect(loss).toBeCloseTo(mean(wanted), 5);
    }
    const even = Array.from({ length: ROWS * 9 }, () => 1 / 3);
    await expect(given(even)).rejects.toThrow(/sum to 1 along axes 1 and 2, .*--class-axis/);
    expect((await given(even, { classAxis: 1 })).reading.axis).toBe(1);
  });

  it("the output is the one that fits the target, or the input of an ArgMax", async () => {
    const two = await evaluated(
      "o = Identity(a) v = Gather<axis = 1>(b, one)",
      "float[N, 3] o, float[N, 1] v",
      "cross-entropy",
      int64(hard),
    );
    expect([two.on, two.notes.length]).toEqual(["o", 1]);
    const hot = hard.flatMap((k) => [0, 1, 2].map((j) => Number(j === k)));
    for (const target of [int64(hot, [ROWS, 3]), int64(hard, [ROWS, 1])]) {
      const heads = "o = Identity(a) v = Gather<axis = 1>(b, one)";
      const got = await evaluated(heads, "float[N, 3] o, float[N, 1] v", "cross-entropy", target);
      expect([got.on, got.loss]).toEqual(["o", two.loss]);
    }
    const ends = await evaluated(
      "k = ArgMax<axis = 1, keepdims = 0>(a) o = Cast<to = 6>(k)",
      "int32[N] o",
      "cross-entropy",
      int64(hard),
    );
    expect(ends.on).toBe("a");
    expect(ends.notes[0]).toMatch(/output o is made by ArgMax .* computed on a/);
    const none = evaluated(
      "o = Identity(a) p = Identity(b)",
      "float[N, 3] o, float[N, 3] p",
      "cross-entropy",
      int64(hard),
    );
    await expect(none).rejects.toThrow(/one of o, p with --output-name/);
  });
});

describe("the cases that people brought", { timeout: 120_000 }, () => {
  const first = async (name: string, target: string, data = name) => {
    const original = await openModel(path.join(cases, `${name}.onnx`));
    const dataset = await openDataset(path.join(cases, `${data}.npz`), original, {
      targets: [target],
    });
    const [batch] = batches(dataset, { ort, batchSize: dataset.rows });
    const { model } = await laurelize(original, { ort, variant: "rw" });
    return { original, model, batch };
  };
  const lossOf = async (model: Model, batch: Tensors, options: object) => {
    const tuning = finetune(model, {
      ort,
      threads: 1,
      loss: "cross-entropy",
      target: "labels",
      ...options,
    });
    const got = { ...(await tuning.plan(batch)), ...(await tuning.evaluate([batch])) };
    await tuning.close();
    return got;
  };

  it("a language model learns the next token, and its perplexity is reported", async () => {
    const { original, model, batch } = await first("causal-lm", "input_ids");
    const { logits } = await run(original, batch);
    const ids = numbers(batch.input_ids as Tensor);
    const [rows, length] = batch.input_ids.dims;
    const next = ids.map((_, k) => ids[k + 1]);
    const all = surprises(
      logits,
      next.map((label) => label ?? 0),
      2,
    );
    const wanted = mean(all.filter((_, k) => k % length < length - 1));
    const got = await lossOf(model, batch, { target: "input_ids" });
    expect(got.loss).toBeCloseTo(wanted, 4);
    expect(got.examples).toBe(rows * (length - 1));
    expect(got.metrics.perplexity).toBeCloseTo(Math.exp(wanted), 1);
    expect(got.notes[0]).toMatch(/next token \(--shift 1\); --shift 0/);
    const copying = await lossOf(model, batch, { target: "input_ids", lossOptions: { shift: 0 } });
    expect(copying.loss).toBeCloseTo(mean(surprises(logits, ids, 2)), 4);
    const labels = { ...batch, labels: batch.input_ids };
    const note = /labels is input input_ids itself, .*; --shift 1 trains the next one/;
    const given = { target: "labels", output: "logits" };
    expect((await lossOf(model, labels, given)).notes).toEqual([expect.stringMatching(note)]);
    const far = lossOf(model, batch, { target: "input_ids", lossOptions: { shift: 8 } });
    await expect(far).rejects.toThrow(/--shift 8 leaves no label of 8 positions/);
  });

  it("a decoder's cache, which the data need not have, is empty and not evaluated", async () => {
    const model = await openModel(
      modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
net (int64[batch, sequence] input_ids, float[batch, past, 4] past_key_values.0.key)
 => (float[batch, sequence, 4] logits, float[batch, total, 4] present.0.key)
<float[4, 4] e = {1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 3, 0, 0, 0, 0, 4}, int64[1] one = {1}, float[4, 4] o = {1, 2, 3, 4, 5, 6, 7, 8, 9, 8, 7, 6, 5, 4, 3, 2}> {
  h = Gather(e, input_ids) present.0.key = Concat <axis = 1> (past_key_values.0.key, h)
  m = ReduceSum (present.0.key, one) s = Add(h, m) logits = MatMul(s, o)
}`),
    );
    const ids = [1, 3, 2, 0, 2, 1];
    const data = npzOf({ input_ids: [BigInt64Array.from(ids, BigInt), [2, 3]] });
    const notes: string[] = [];
    const options = {
      loss: "cross-entropy",
      target: "input_ids",
      train: ["o"],
      epochs: 1,
    } as const;
    const onNote = (note: string) => notes.push(note);
    const { history, plan } = await tuned(model, { ort, data, ...options, threads: 1, onNote });
    expect(plan.output).toBe("logits");
    expect(notes).toEqual([
      expect.stringMatching(
        /has no past_key_values\.0\.key: the cache of earlier tokens is empty\.$/,
      ),
      expect.stringMatching(/trained on the next token/),
      expect.stringMatching(
        /on output logits: of logits, present\.0\.key, only this one is not a cache; --output-name/,
      ),
    ]);
    const rows = [ids.slice(0, 3), ids.slice(3)];
    const o = [1, 2, 3, 4, 5, 6, 7, 8, 9, 8, 7, 6, 5, 4, 3, 2];
    const losses = rows.flatMap((row) =>
      row.slice(1).map((next, t) => {
        const s = [0, 0, 0, 0];
        for (const id of [...row, row[t]]) s[id] += id + 1;
        const z = [0, 1, 2, 3].map((c) => s.reduce((sum, v, k) => sum + v * o[4 * k + c], 0));
        const top = Math.max(...z);
        return top + Math.log(z.reduce((sum, v) => sum + Math.exp(v - top), 0)) - z[next];
      }),
    );
    const mean = losses.reduce((a, b) => a + b) / losses.length;
    expect(history.steps[0].loss).toBeCloseTo(mean, 4);
  });

  it("of two heads that fit a target, the one that is trained takes the loss", async () => {
    const model = await openModel(
      modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
      net (float[N, 2] x) => (float[N, 2] a, float[N, 2] b)
      <float[2, 2] w = {1, 2, 3, 4}, float[2, 2] u = {0, 1, 1, 0}, float[2, 2] v = {2, 0, 0, 2}>
      { h = MatMul(x, w) a = MatMul(h, u) b = MatMul(h, v) }`),
    );
    const one = (...numbers: number[]) =>
      new ort.Tensor("float32", Float32Array.from(numbers), [1, 2]);
    const data = [{ x: one(1, 0), y: one(0, 0) }];
    const notes: string[] = [];
    const options = { ort, data, loss: "mse", target: "y", epochs: 1, threads: 1 } as const;
    const onNote = (note: string) => notes.push(note);
    const { history } = await tuned(model, { ...options, train: ["v"], onNote });
    expect(history.steps[0].loss).toBe((2 ** 2 + 4 ** 2) / 2);
    expect(notes).toEqual([
      expect.stringMatching(/on output b: of a, b, only this one depends on what is trained/),
    ]);
    await expect(tuned(model, { ...options, train: ["w"] })).rejects.toThrow(/choose one of a, b/);
  });

  it("an output that lacks the axis of its only example takes that example's targets", async () => {
    const model = await openModel(
      modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
      net (float[1, 4, 3] x) => (float[4, 3] o) <float[3, 3] w = {1, 0, 2, 0, 1, 0, 3, 0, 1}, int64[1] zero = {0}>
      { s = Squeeze(x, zero) o = MatMul(s, w) }`),
    );
    const xs = Float32Array.from({ length: 12 }, (_, k) => Math.sin(k));
    const { o } = await run(model, { x: new ort.Tensor(xs, [1, 4, 3]) });
    const lossOn = async (loss: LossName, target: Float32Array | BigInt64Array, dims: number[]) => {
      const data = npzOf({ x: [xs, [1, 4, 3]], t: [target, dims] });
      const options = { loss, target: "t", train: ["w"], epochs: 1, threads: 1 };
      return (await tuned(model, { ort, data, ...options })).history.steps[0].loss;
    };
    const values = Float32Array.from(xs, (x) => 2 * x);
    const squares = numbers(o).map((v, k) => (v - values[k]) ** 2);
    expect(await lossOn("mse", values, [1, 4, 3])).toBeCloseTo(mean(squares), 5);
    const wanted = mean(surprises(o, [0, 2, 1, 2], 1));
    const labels = BigInt64Array.of(0n, 2n, 1n, 2n);
    expect(await lossOn("cross-entropy", labels, [1, 4])).toBeCloseTo(wanted, 5);
    await expect(lossOn("mse", values, [1, 3, 4])).rejects.toThrow(
      /output's shape \[4, 3\], and these are \[1, 3, 4\]/,
    );
  });

  it("a model with an empty past is trained", async () => {
    const { original, model, batch } = await first("empty-past", "labels");
    expect(batch.past.dims).toEqual([8, 0, 4]);
    const { y } = await run(original, batch);
    const { loss } = await lossOf(model, batch, { output: "y" });
    expect(loss).toBeCloseTo(mean(surprises(y, numbers(batch.labels as Tensor), 2)), 5);
  });

  it.each([
    ["softmax-clipped", 1.723],
    ["sigmoids-joined", 0.714],
  ])("%s has the loss %s, which another framework gives", async (name, wanted) => {
    const { model, batch } = await first(name, "labels");
    const loss = name.startsWith("sig") ? "binary-cross-entropy" : "cross-entropy";
    expect(Math.abs((await lossOf(model, batch, { loss })).loss - wanted)).toBeLessThan(6e-4);
  });

  it("the command line takes the two heads' labels as floats, and says first how the loss is computed", () => {
    const at = (name: string) => path.join(cases, name);
    const given = ["--loss", "cross-entropy", "--target", "labels", "-e", "1", "--variant", "rw"];
    const heads = cli([
      "finetune",
      at("two-heads.onnx"),
      "--data",
      at("float-labels.npz"),
      ...given,
      "-o",
      path.join(folder, "o.onnx"),
    ]);
    expect(heads.code, heads.stderr).toBe(0);
    expect(heads.stderr).toMatch(/labels of float-labels.npz is float .* taken as class labels/);
    const json = cli([
      "finetune",
      at("sigmoids-joined.onnx"),
      "--data",
      at("sigmoids-joined.npz"),
      "--loss",
      "binary-cross-entropy",
      "--target",
      "labels",
      "-e",
      "1",
      "--variant",
      "rw",
      "--probabilities",
      "-o",
      path.join(folder, "p.onnx"),
      "--json",
    ]);
    expect(JSON.parse(json.stdout).epochs[0].train.loss).toBeCloseTo(0.714, 2);
    const stuck = cli([
      "finetune",
      at("two-heads.onnx"),
      "--data",
      at("two-heads.npz"),
      ...given,
      "--train",
      "fc2*",
      "-o",
      path.join(folder, "q.onnx"),
    ]);
    expect(stuck.stderr).toMatch(
      /--train names fc2.weight, fc2.bias, which cannot change output logits/,
    );
    expect(stuck.code).toBe(2);
    const all = path.join(folder, "all.onnx");
    const rest = cli([
      ...["finetune", at("two-heads.onnx"), "--data", at("two-heads.npz")],
      ...[...given, "--train", "*", "-o", all],
    ]);
    expect(rest.stderr).toMatch(/fc2.weight, fc2.bias cannot change output logits and stay as/);
    expect(rest.code, rest.stderr).toBe(0);
    const both = cli([
      "finetune",
      at("two-heads.onnx"),
      "--data",
      at("two-heads.npz"),
      ...given,
      "--logits",
      "--probabilities",
    ]);
    expect(both.stderr).toMatch(/contradict/);
  });
});
