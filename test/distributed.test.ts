import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import {
  exportStep,
  finetune,
  laurelize,
  type Model,
  openModel,
  openStep,
  type StepManifest,
  stepGraph,
  type Tensors,
} from "laurelize";
import type { Tensor } from "onnxruntime-node";
import ort from "onnxruntime-node";
import { beforeAll, describe, expect, it } from "vitest";
import { readSafetensors } from "../src/formats/safetensors.ts";
import { bytesSource } from "../src/onnx/source.ts";
import { cli } from "./support/cli.ts";
import { writeDecoder } from "./support/decoder.ts";
import { temporaryFolder } from "./support/fixture.ts";
import { examples, FEATURES, LITTLE } from "./support/little-training.ts";
import { npzOf } from "./support/npz-file.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { sessionOn } from "./support/session.ts";

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder, ...names);
const ROWS = 16;
const WIDE = ["--loss", "cross-entropy", "--target", "labels", "--feature-axis", "1"];
const args = (model: string, to: string, ...more: string[]) => [
  ...["export-step", at(model), "-o", at(to), ...WIDE, "--rank", "4"],
  ...["--batch-size", String(ROWS), ...(more.includes("--lr") ? more : ["--lr", "1e-2", ...more])],
];
const manifestOf = (step: string): StepManifest =>
  JSON.parse(fs.readFileSync(at(step, "manifest.json"), "utf8"));

/** Rows of the examples as tensors. */
function rows(label: string, from: number, to: number): Record<string, Tensor> {
  const { x, labels } = examples(64, label);
  return {
    x: new ort.Tensor(x[0].slice(from * FEATURES, to * FEATURES) as Float32Array, [
      to - from,
      FEATURES,
    ]),
    labels: new ort.Tensor(labels[0].slice(from, to) as BigInt64Array, [to - from]),
  };
}

/** A rank as another language would write it: from the manifest and files, with onnxruntime alone. */
class Rank {
  readonly manifest: StepManifest;
  readonly tensors: Record<string, Tensor> = {};
  readonly #step: string;

  constructor(step: string) {
    this.#step = step;
    this.manifest = manifestOf(step);
    const bytes = fs.readFileSync(at(step, this.manifest.state.file));
    for (const { name, range, dims } of readSafetensors(bytesSource(bytes)).tensors) {
      const values = new Float32Array(
        bytes.buffer.slice(bytes.byteOffset + range.start, bytes.byteOffset + range.end),
      );
      this.tensors[name] = new ort.Tensor(values, [...dims]);
    }
  }

  async gradients(batch: Record<string, Tensor>): Promise<Float32Array> {
    const { inputs, target, gradients, state, vector } = this.manifest;
    const feeds = Object.fromEntries(inputs.map(({ name }) => [name, batch[name]]));
    feeds[target.name] = batch[target.array];
    for (const { role, input, key } of state.tensors)
      if (role === "weight") feeds[input] = this.tensors[key];
    const count = batch[target.array].dims[0];
    const { file } = gradients.find((each) => each.rows === count)!;
    const session = await sessionOn(fs.readFileSync(at(this.#step, file)));
    const outputs = await session.run(feeds);
    await session.release();
    expect(Object.keys(outputs)).toEqual([vector.name]);
    return outputs[vector.name].data as Float32Array;
  }

  async update(sum: Float32Array, rate: number, step: number): Promise<void> {
    const { update, state, vector } = this.manifest;
    const scalar = (value: number) => new ort.Tensor("float32", [value], []);
    const feeds: Record<string, Tensor> = {
      [update.vector]: new ort.Tensor(sum, [vector.length]),
      [update.lr]: scalar(rate),
      [update.step]: scalar(step),
    };
    const changing = state.tensors.filter(({ output }) => output !== null);
    for (const { input, key } of changing) feeds[input] = this.tensors[key];
    const session = await sessionOn(fs.readFileSync(at(this.#step, update.file)));
    const outputs = await session.run(feeds);
    await session.release();
    for (const { output, key } of changing) this.tensors[key] = outputs[output!];
  }
}

const added = (a: Float32Array, b: Float32Array) => a.map((value, k) => value + b[k]);
const largest = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.max(...Array.from(a, (value, k) => Math.abs(value - b[k])));

beforeAll(() => {
  fs.writeFileSync(at("net.onnx"), modelOfText(LITTLE));
  const { code, stderr } = cli(args("net.onnx", "step"));
  expect(code, stderr).toBe(0);
});

describe("an exported step", () => {
  let model: Model;
  beforeAll(async () => {
    const options = { ort, rank: 4, featureAxis: 1 };
    ({ model } = await laurelize(await openModel(at("net.onnx")), options));
  });

  it("is a folder of graphs, start values, hashes, and a manifest that finds everything in the vector", () => {
    const { hashes, vector, batch, state, log } = manifestOf("step");
    expect(Object.keys(hashes).sort()).toEqual([
      ...["eval-1.onnx", "eval.onnx", "gradients-1.onnx", "gradients.onnx"],
      ...["state.safetensors", "update.onnx"],
    ]);
    for (const [name, digest] of Object.entries(hashes))
      expect(
        createHash("sha256")
          .update(fs.readFileSync(at("step", name)))
          .digest("hex"),
      ).toBe(digest);
    expect(batch).toEqual({ rows: ROWS, fixed: false, accumulate: 1 });
    const weights = vector.gradients.reduce((sum, { offset, length, shape }) => {
      expect([offset, length]).toEqual([sum, shape.reduce((a, b) => a * b, 1)]);
      return sum + length;
    }, 0);
    expect([vector.loss, vector.count, vector.bytes]).toEqual([
      weights,
      weights + 1,
      4 * vector.length,
    ]);
    expect(vector.metrics).toEqual({ accuracy: weights + 2 });
    expect(state.tensors).toHaveLength(3 * vector.gradients.length);
    expect(log.settings).toMatchObject({ loss: "cross-entropy", lr: 0.01, "batch-size": ROWS });
  });

  it("gives the gradients of stepGraph, times the number of examples", async () => {
    const rank = new Rank("step");
    const batch = rows("train", 0, ROWS);
    const sum = await rank.gradients(batch);
    const { gradients, gradientOf, loss } = await stepGraph(model, {
      ort,
      loss: "cross-entropy",
      target: { name: "labels", type: { dtype: "int64", shape: [ROWS] } },
      inputs: { x: [ROWS, FEATURES] },
    });
    const session = await sessionOn(gradients.toBytes());
    const weights = rank.manifest.vector.gradients.map(
      ({ weight }) => [weight, rank.tensors[`weights/${weight}`]] as const,
    );
    const outputs = await session.run({ ...batch, ...Object.fromEntries(weights) });
    await session.release();
    const { vector } = rank.manifest;
    expect(sum[vector.count]).toBe(ROWS);
    expect(sum[vector.loss]).toBe(Number(outputs[loss].data[0]) * ROWS);
    for (const { weight, offset, length } of vector.gradients)
      expect(sum.subarray(offset, offset + length)).toEqual(
        (outputs[gradientOf[weight]].data as Float32Array).map((value) => value * ROWS),
      );
  });

  it("takes on two ranks the steps that finetune takes on all rows", async () => {
    const [a, b] = [new Rank("step"), new Rank("step")];
    const options = { ort, loss: "cross-entropy", target: "labels", lr: 0.01, threads: 1 } as const;
    const trainer = finetune(model, options);
    for (const step of [1, 2, 3]) {
      const all = rows("train", 0, 2 * ROWS);
      for await (const _ of trainer.over([all]));
      const halves = [
        await a.gradients(rows("train", 0, ROWS)),
        await b.gradients(rows("train", ROWS, 2 * ROWS)),
      ];
      // A rank without data sends zeros.
      const sum = added(added(halves[0], halves[1]), new Float32Array(halves[0].length));
      for (const rank of [a, b]) await rank.update(sum, 0.01, step);
    }
    for (const { weight } of a.manifest.vector.gradients) {
      const key = `weights/${weight}`;
      expect(a.tensors[key].data).toEqual(b.tensors[key].data);
      expect(
        largest(a.tensors[key].data as Float32Array, trainer.weights[weight].data as Float32Array),
      ).toBeLessThan(2e-6);
    }
    await trainer.close();
  });

  it("reads further arrays that its loss names, as finetune does", async () => {
    const text = LITTLE.replace("float[N, 3] p", "float[N, 3, 3] s").replace(
      "p = Softmax<axis = -1>(logits)",
      "u = Unsqueeze(logits, one) s = Concat<axis = 1>(u, u, u)",
    );
    const model = modelOfText(text.replace("] head>", "] head, int64[1] one = {1}>"));
    const laurel = await laurelize(await openModel(model), { ort, featureAxis: 1 });
    const int64 = (values: number[], dims: number[]) =>
      new ort.Tensor("int64", BigInt64Array.from(values.map(BigInt)), dims);
    const { x } = rows("ctc", 0, 4);
    const labels = int64([1, 2, 2, 1, 1, 1, 2, 2], [4, 2]);
    const batch = { x, labels, lengths: int64([1, 2, 1, 1], [4]) };
    const array = ({ data, dims }: Tensor) => [data, dims] as [Float32Array, number[]];
    const data = Object.entries(batch).map(([name, tensor]) => [name, array(tensor)]);
    const lossOptions = { targetLengths: "lengths" };
    const asked = { ort, loss: "ctc", target: "labels", lossOptions } as const;
    const npz = npzOf(Object.fromEntries(data));
    await exportStep(laurel.model, at("ctc"), { ...asked, data: npz, batchSize: 4 });
    const step = await openStep(at("ctc"), { ort });
    const { vector, arrays } = step.manifest;
    expect(arrays).toMatchObject([{ array: "lengths", dtype: "int64", shape: [4], axis: 0 }]);
    const sums = await step.gradients(batch);
    const trainer = finetune(laurel.model, asked);
    const losses: number[] = [];
    for await (const { loss } of trainer.over([batch])) losses.push(loss);
    expect(losses).toEqual([expect.closeTo(sums[vector.loss] / sums[vector.count], 5)]);
    await trainer.close();
    await step.close();
  });

  it("gives the vector of a smaller batch row by row", async () => {
    const rank = new Rank("step");
    const whole = await rank.gradients(rows("train", 0, ROWS));
    let sum = new Float32Array(whole.length);
    for (let k = 0; k < ROWS; k++) sum = added(sum, await rank.gradients(rows("train", k, k + 1)));
    expect(sum[rank.manifest.vector.count]).toBe(ROWS);
    expect(largest(sum, whole)).toBeLessThan(2e-5);
  });

  it("runs in Node by openStep, and by step-worker over a pipe, to the same bits", async () => {
    const step = await openStep(at("step"), { ort, threads: 1 });
    const rank = new Rank("step");
    const batch = rows("train", 0, ROWS);
    const sum = await step.gradients(batch);
    expect(sum).toEqual(await rank.gradients(batch));
    const norm = await step.update(sum, 0.01, 1);
    await rank.update(sum, 0.01, 1);
    const answers = await overPipe(at("step"), [
      [{ op: "gradients" }, batch],
      [{ op: "update", lr: "0.01", step: "1" }, { vector: new ort.Tensor(sum, [sum.length]) }],
      [{ op: "state" }, {}],
    ]);
    expect(answers[0].vector).toEqual(sum);
    expect(answers[1].norm[0]).toBe(norm);
    for (const [key, tensor] of Object.entries(rank.tensors)) {
      expect(step.state()[key].data).toEqual(tensor.data);
      expect(answers[2][key]).toEqual(tensor.data);
    }
    const [loss, count] = await step.evaluate(rows("val", 0, ROWS));
    expect([count, Number.isFinite(loss)]).toEqual([ROWS, true]);
    await expect(step.gradients(rows("train", 0, 5))).rejects.toThrow(/batches of 16 or 1 rows/);
    await step.close();
  });
});

/** Sends requests to step-worker as bin/distributed/README.md says; returns the values of each answer. */
async function overPipe(step: string, requests: [Record<string, string>, Tensors][]) {
  const bin = path.join(import.meta.dirname, "../dist/bin/laurelize.js");
  const child = spawn(process.execPath, [bin, "step-worker", step, "--threads", "1"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  for (const [metadata, tensors] of requests) {
    const header: Record<string, unknown> = { __metadata__: metadata };
    const parts: Buffer[] = [];
    let end = 0;
    for (const [name, { data, dims, type }] of Object.entries(tensors)) {
      const { buffer, byteOffset, byteLength } = data as Float32Array;
      parts.push(Buffer.from(buffer, byteOffset, byteLength));
      const dtype = type === "int64" ? "I64" : "F32";
      header[name] = { dtype, shape: dims, data_offsets: [end, end + byteLength] };
      end += byteLength;
    }
    const json = Buffer.from(JSON.stringify(header));
    const lengths = Buffer.alloc(16);
    lengths.writeBigUInt64LE(BigInt(8 + json.length + end));
    lengths.writeBigUInt64LE(BigInt(json.length), 8);
    child.stdin.write(Buffer.concat([lengths, json, ...parts]));
  }
  child.stdin.end();
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout) chunks.push(chunk);
  const all = Buffer.concat(chunks);
  const answers: Record<string, Float32Array>[] = [];
  for (let start = 0; start < all.length; ) {
    const length = Number(all.readBigUInt64LE(start));
    const bytes = new Uint8Array(all.subarray(start + 8, start + 8 + length));
    const values = readSafetensors(bytesSource(bytes)).tensors.map(({ name, range }) => [
      name,
      new Float32Array(bytes.buffer.slice(range.start, range.end)),
    ]);
    answers.push(Object.fromEntries(values));
    start += 8 + length;
  }
  return answers;
}

describe("adapters that were trained apart", () => {
  it("averaged by their numbers of examples are what one all-reduce of the same steps gives", async () => {
    const sgd = ["--optimizer", "sgd", "--clip", "0", "--lr", "0.5"];
    const step = cli(args("net.onnx", "sgd", ...sgd));
    expect(step.code, step.stderr).toBe(0);
    const rank = new Rank("sgd");
    const parts = [
      [0, ROWS],
      [ROWS, ROWS + 12],
    ] as const;
    let sum = new Float32Array(rank.manifest.vector.length);
    const adapters = parts.map(([from, to], k) => {
      const all = examples(64, "train");
      const cut = (values: Float32Array | BigInt64Array, width: number) =>
        values.slice(from * width, to * width);
      const data = npzOf({
        x: [cut(all.x[0], FEATURES), [to - from, FEATURES]],
        labels: [cut(all.labels[0], 1), [to - from]],
      });
      fs.writeFileSync(at(`apart${k}.npz`), data);
      const out = at(`apart${k}.onnx`);
      const given = ["--data", at(`apart${k}.npz`), "--epochs", "1", "-o", out, "--threads", "1"];
      const ran = cli(["finetune", at("net.onnx"), ...WIDE, "--rank", "4", ...sgd, ...given]);
      expect(ran.code, ran.stderr).toBe(0);
      return at(`apart${k}.safetensors`);
    });
    for (const [from, to] of parts)
      if (to - from === ROWS) sum = added(sum, await rank.gradients(rows("train", from, to)));
      else
        for (let k = from; k < to; k++)
          sum = added(sum, await rank.gradients(rows("train", k, k + 1)));
    const before = Object.fromEntries(
      Object.entries(rank.tensors).map(([k, { data }]) => [k, data]),
    );
    await rank.update(sum, 0.5, 1);
    const averaged = cli(["average", ...adapters, "-o", at("averaged.safetensors")]);
    expect(averaged.code, averaged.stderr).toBe(0);
    const bytes = fs.readFileSync(at("averaged.safetensors"));
    for (const { name, range } of readSafetensors(bytesSource(bytes)).tensors) {
      const mean = new Float32Array(new Uint8Array(bytes.subarray(range.start, range.end)).buffer);
      const [now, then] = [rank.tensors[`weights/${name}`].data, before[`weights/${name}`]] as [
        Float32Array,
        Float32Array,
      ];
      expect(largest(now, mean), name).toBeLessThan(1e-6);
      if (!name.endsWith(".A")) expect(largest(now, then), name).toBeGreaterThan(1e-3);
    }
  });
});

describe("a decoder of int4 weights", () => {
  it("is exported with its weights linked; they stay int4 in memory, and its loss falls", async () => {
    fs.mkdirSync(at("decoder"));
    const sizes = { layers: 2, width: 64, inner: 96, heads: 2, vocabulary: 64 };
    writeDecoder(at("decoder/model.onnx"), sizes, true);
    const ran = cli([
      ...["export-step", at("decoder/model.onnx"), "-o", at("decoder/step"), "--link-weights"],
      ...["--loss", "cross-entropy", "--target", "input_ids", "--rank", "2", "--batch-size", "1"],
      ...["--dim", "sequence_length=16", "--json"],
    ]);
    expect(ran.code, ran.stderr).toBe(0);
    const { memory, bytesPerStep, weights } = JSON.parse(ran.stdout);
    expect(bytesPerStep).toBe(manifestOf("decoder/step").vector.bytes);
    expect(weights.files.map(({ name }: { name: string }) => name)).toEqual(["model.onnx.data"]);
    // As floats they would take seven times as much.
    expect(memory.prepared).toBeLessThan(memory.frozen);
    const step = await openStep(at("decoder/step"), { ort, threads: 1 });
    const ids = BigInt64Array.from({ length: 16 }, (_, k) => BigInt((k * 7) % 64));
    const batch = { input_ids: new ort.Tensor(ids, [1, 16]) };
    const { loss, count } = step.manifest.vector;
    const losses: number[] = [];
    for (let k = 1; k <= 5; k++) {
      const sum = await step.gradients(batch);
      losses.push(sum[loss] / sum[count]);
      await step.update(sum, 3e-2, k);
    }
    expect(losses[4]).toBeLessThan(losses[0] - 0.05);
    await step.close();
  });
});

/** A block with a weight that is worth keeping in one place. */
const HEAVY = LITTLE.replaceAll("16", "400");

describe("laurelize train-script", () => {
  it("copies out the program, and keeps what is there", () => {
    const file = at("train.py");
    expect(cli(["train-script", "-o", file])).toMatchObject({ code: 0, stdout: `wrote ${file}\n` });
    const script = path.join(import.meta.dirname, "../bin/distributed/train.py");
    expect(fs.readFileSync(file)).toEqual(fs.readFileSync(script));
    const again = cli(["train-script", "-o", file]);
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining("pass --force")]);
    expect(cli(["train-script", "-o", file, "--force", "--quiet"])).toMatchObject({ stdout: "" });
  });
});

describe("frozen weights", () => {
  const run = async (step: string, weights?: string) => {
    const opened = await openStep(at(step), { ort, threads: 1, ...(weights ? { weights } : {}) });
    const vector = await opened.gradients(rows("train", 0, ROWS));
    await opened.close();
    return vector;
  };
  const graphs = (step: string) =>
    [...manifestOf(step).gradients, ...manifestOf(step).eval].map(
      ({ file }) => fs.statSync(at(step, file)).size,
    );

  it("lie once in the folder, or with --link-weights in the model's file, which may lie elsewhere", async () => {
    fs.mkdirSync(at("linked"));
    fs.writeFileSync(at("linked/heavy.onnx"), modelOfText(HEAVY));
    const copied = cli(args("linked/heavy.onnx", "copied"));
    expect(copied.stdout).toMatch(/each step sends/);
    const linked = cli(args("linked/heavy.onnx", "linked/step", "--link-weights"));
    expect([copied.code, linked.code], linked.stderr).toEqual([0, 0]);
    expect(manifestOf("copied").weights).toMatchObject({
      folder: ".",
      files: [{ name: "model.onnx" }],
    });
    expect(manifestOf("linked/step").weights).toMatchObject({
      folder: "..",
      files: [{ name: "heavy.onnx" }],
    });
    const { size } = fs.statSync(at("linked/heavy.onnx"));
    for (const step of ["copied", "linked/step"])
      for (const bytes of graphs(step)) expect(bytes).toBeLessThan(size / 2);
    const vector = await run("copied");
    expect(await run("linked/step")).toEqual(vector);
    fs.renameSync(at("linked/step"), at("moved"));
    await expect(run("moved")).rejects.toThrow();
    expect(await run("moved", at("linked"))).toEqual(vector);
  });

  it("in data files are copied into the folder or linked", async () => {
    fs.mkdirSync(at("data"));
    const split = cli([
      "check",
      at("linked/heavy.onnx"),
      "--target",
      "web",
      "--no-browser",
      "--split",
      "5kB",
      "-o",
      at("data/m.onnx"),
    ]);
    expect(split.code, split.stderr).toBe(0);
    expect(fs.readdirSync(at("data")).length).toBeGreaterThan(1);
    for (const more of [[], ["--link-weights"]]) {
      const ran = cli(args("data/m.onnx", "data/step", "--force", ...more));
      expect(ran.code, ran.stderr).toBe(0);
      expect(await run("data/step")).toEqual(await run("copied"));
      for (const bytes of graphs("data/step")) expect(bytes).toBeLessThan(20_000);
    }
  });
});

describe("what cannot be exported is refused in one sentence, and nothing is written", () => {
  const refused = (words: RegExp, ...more: string[]) => {
    const { code, stdout, stderr } = cli(more);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr.replace(/^(warning|note): .*\n/gm, "").trim()).toMatch(words);
  };
  const free = LITTLE.replaceAll("float[N, ", "float[N, T, ").replace(
    "float[N, T, 3] p",
    "float[N, T, 3] p",
  );

  it("a free dimension without a size, which --dim or examples give", async () => {
    fs.writeFileSync(at("free.onnx"), modelOfText(free));
    const given = args("free.onnx", "free").map((word, k, all) =>
      all[k - 1] === "--feature-axis" ? "2" : word,
    );
    refused(
      /input x \[N, T, 8\] has the free dimension T; give its size, --dim T=…, or examples with --data\.$/,
      ...given,
    );
    expect(fs.existsSync(at("free"))).toBe(false);
    expect(cli([...given, "--dim", "T=4"]).code).toBe(0);
    expect(manifestOf("free").target).toMatchObject({ dtype: "int64", shape: [ROWS, 4] });
    const { x } = examples(64, "free");
    const labels: [Int32Array, number[]] = [new Int32Array(64).fill(1), [32, 2]];
    fs.writeFileSync(
      at("free.npz"),
      npzOf({ x: [x[0] as Float32Array, [32, 2, FEATURES]], labels }),
    );
    expect(cli([...given, "--force", "--data", at("free.npz")]).code).toBe(0);
    expect(manifestOf("free").target).toMatchObject({ dtype: "int32", shape: [ROWS, 2] });
  });

  it.each([
    [/pass --force to replace it/, ["step"]],
    [/holds other files/, ["."]],
    [/is a file; choose another folder/, ["net.onnx"]],
    [/teacher/, ["other", "--loss", "distillation"]],
    [/epochs must be a positive integer/, ["other", "--epochs", "0"]],
    [/nope does not match any float weight/, ["other", "--train", "nope"]],
  ])("%s", (words, [to, ...more]) => {
    const before = fs.readdirSync(folder);
    const given = args("net.onnx", to, ...more);
    refused(
      words,
      ...(more[0] === "--loss"
        ? given.filter((_, k) => given[k] !== "cross-entropy" && given[k + 1] !== "cross-entropy")
        : given),
    );
    expect(fs.readdirSync(folder)).toEqual(before);
  });

  it("another batch size than the model's own, which needs no second graph", async () => {
    fs.writeFileSync(at("fixed.onnx"), modelOfText(LITTLE.replaceAll("[N,", "[4,")));
    refused(/only takes batches of 4/, ...args("fixed.onnx", "fixed"));
    const own = args("fixed.onnx", "fixed").filter(
      (word, k, all) => word !== "--batch-size" && all[k - 1] !== "--batch-size",
    );
    expect(cli(own).code).toBe(0);
    expect(manifestOf("fixed")).toMatchObject({
      batch: { rows: 4, fixed: true },
      gradients: [{ rows: 4 }],
    });
  });

  it("not a loss that compares rows, but a smaller batch of it", async () => {
    fs.writeFileSync(at("rows.npz"), npzOf(examples(64, "rows")));
    const given = args("net.onnx", "pairs", "--data", at("rows.npz"));
    const ran = cli(given.map((word) => (word === "cross-entropy" ? "info-nce" : word)));
    expect(ran.code, ran.stderr).toBe(0);
    const { batch, gradients, target } = manifestOf("pairs");
    expect([batch.fixed, gradients.map(({ rows }) => rows)]).toEqual([true, [ROWS]]);
    expect(target).toMatchObject({ array: "labels", shape: [ROWS], form: "own" });
  });

  it("a folder that is not a step", async () => {
    await expect(openStep(at("linked"), { ort })).rejects.toThrow(/manifest\.json/);
    fs.writeFileSync(at("linked/manifest.json"), "{}");
    await expect(openStep(at("linked"), { ort })).rejects.toThrow(
      /was not written by laurelize; give a folder/,
    );
    const manifest = manifestOf("step");
    for (const file of ["../state.safetensors", at("step/state.safetensors")]) {
      const outside = { ...manifest, state: { ...manifest.state, file } };
      fs.writeFileSync(at("linked/manifest.json"), JSON.stringify(outside));
      await expect(openStep(at("linked"), { ort })).rejects.toThrow(/a file outside its folder/);
    }
    const model = await openModel(at("net.onnx"));
    const options = { ort, loss: "mse", target: "y" } as const;
    await expect(exportStep(model, at("plain"), options)).rejects.toThrow(/is not laurelized/);
  });
});
