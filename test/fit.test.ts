import {
  adapterBytes,
  type FitOptions,
  type FitResult,
  fit,
  laurelize,
  openDataset,
  openModel,
} from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { examples, LITTLE } from "./support/little-training.ts";
import { npzOf } from "./support/npz-file.ts";
import { modelOfText } from "./support/onnx-text.ts";

const plain = await openModel(modelOfText(LITTLE));
const { model } = await laurelize(plain, { ort, featureAxis: 1, rank: 2 });
const data = npzOf(examples(96, "train"));
const held = npzOf(examples(32, "held"));
const given = {
  ort,
  threads: 1,
  data,
  loss: "cross-entropy",
  target: "labels",
  lr: 0.03,
  batchSize: 24,
} as const;
const train = (more: Partial<FitOptions> = {}) => fit(model, { ...given, ...more });

describe("fit", { timeout: 60_000 }, () => {
  it("runs epochs, calls back, and returns the epoch with the lowest evaluation loss", async () => {
    const seen: string[] = [];
    const done: number[] = [];
    const { history, best, stopped, adapter, ...result } = await train({
      eval: held,
      epochs: 3,
      onStart: ({ plan, stepsPerEpoch }) => seen.push(`${plan.output} ${stepsPerEpoch}`),
      onStep: ({ epoch, step }) => seen.push(`${epoch}.${step}`),
      onEpoch: ({ epoch }) => seen.push(`epoch ${epoch}`),
      onProgress: (share) => done.push(share),
    });
    expect(seen.slice(0, 6)).toEqual(["p 4", "1.1", "1.2", "1.3", "1.4", "epoch 1"]);
    expect([stopped, history.steps.length]).toEqual(["completed", 12]);
    expect([done[0], done.at(-1)]).toEqual([0, 1]);
    const losses = history.epochs.map(({ eval: on }) => on!.loss);
    expect(best.loss).toBe(Math.min(...losses));
    expect(best.loss).toBeLessThan(history.before!.loss);
    expect([result.error, result.advice]).toEqual([null, null]);
    expect(adapter.tensors.map(({ name }) => name)).toEqual(Object.keys(best.weights));
  });

  it("stops when patience epochs brought no improvement, and keeps the best weights", async () => {
    const { stopped, best, history, adapter } = await train({
      eval: held,
      lr: 3,
      epochs: 40,
      patience: 2,
    });
    expect(stopped).toBe("patience");
    expect(history.epochs.length).toBe(best.epoch + 2);
    const until = await train({ eval: held, lr: 3, epochs: best.epoch });
    expect(adapterBytes(adapter)).toEqual(adapterBytes(until.adapter));
  });

  it("clips by the norm of all gradients, to the last digits for hundreds of thousands", async () => {
    const wide = await openModel(
      modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
net (float[n] x) => (float y)
<float[600, 600] w, float[500, 500] v, float small = {0.001}, float large = {30}, int64[2] from = {0, 0}, int64[2] to = {1, 1}>
{
  a = ReduceSum <keepdims = 0> (w) b = ReduceSum <keepdims = 0> (v) c = Add(a, b) d = Mul(c, small)
  e = Slice(w, from, to) f = ReduceSum <keepdims = 0> (e) g = Mul(f, large)
  h = ReduceSum <keepdims = 0> (x) i = Add(d, g) y = Add(h, i)
}`),
    );
    const { history } = await fit(wide, {
      ...{ ort, threads: 1, loss: "output", train: ["w", "v"], optimizer: "sgd", epochs: 1 },
      data: npzOf({ x: [Float32Array.of(1), [1]] }),
    });
    const { norm } = history.steps[0];
    expect(norm / Math.hypot(30.001, 0.001 * Math.sqrt(600 ** 2 + 500 ** 2 - 1))).toBeCloseTo(1, 6);
  });

  it("says what has no effect, and what patience goes by without evaluations", async () => {
    const notes: string[] = [];
    const { stopped } = await train({
      ...{ epochs: 3, patience: 1, lr: 1e-30, scheduleSteps: 5 },
      lossOptions: { labelSmoothing: 0.1, margin: 2 },
      optimizerOptions: { momentum: 0.5, weightDecay: 0 },
      onNote: (note) => notes.push(note),
    });
    expect(stopped).toBe("patience");
    expect(notes.filter((note) => !note.includes("logits"))).toEqual([
      "scheduleSteps has no effect: the schedule constant does not end.",
      "margin has no effect: the loss cross-entropy does not use it.",
      "momentum has no effect: the optimizer adamw does not use it.",
      "--patience uses the training loss, because there is no --eval.",
    ]);
  });

  it("stops after the step in which its signal is aborted; resumed, it comes to the same bytes", async () => {
    const whole = await train({ eval: held, epochs: 4, schedule: "cosine" });
    const abort = new AbortController();
    const kept: Uint8Array[] = [];
    const part = await train({
      eval: held,
      epochs: 4,
      schedule: "cosine",
      signal: abort.signal,
      onStep: ({ step }) => step === 6 && abort.abort(),
      onCheckpoint: (bytes) => kept.push(bytes),
    });
    expect([part.stopped, part.history.steps.length]).toEqual(["aborted", 6]);
    expect(kept.at(-1)).toBe(part.checkpoint);
    const rest = await train({
      eval: held,
      epochs: 4,
      schedule: "cosine",
      resume: part.checkpoint,
    });
    expect(rest.checkpoint).toEqual(whole.checkpoint);
    expect(rest.model.toBytes()).toEqual(whole.model.toBytes());
    expect(rest.history).toEqual(whole.history);
    await expect(train({ signal: AbortSignal.abort(new Error("no")) })).rejects.toThrow("no");
    const other = { epochs: 4, resume: part.checkpoint, eval: held, schedule: "cosine" } as const;
    await expect(train({ ...other, lr: 0.1 })).rejects.toThrow(/with --lr 0.03, .* has 0.1/);
    await expect(train({ ...other, optimizerOptions: { betas: [0.8, 0.9] } })).rejects.toThrow(
      /with --betas 0.9,0.999/,
    );
    expect((await train({ ...other, lr: 0.1, forced: true })).stopped).toBe("completed");
  });

  it("returns the last good weights of a training that diverges, or throws if there are none", async () => {
    const { stopped, error, history } = await train({ lr: 1e30, epochs: 3 });
    expect([stopped, history.epochs.length]).toEqual(["diverged", 1]);
    expect(error).toMatch(/the loss is NaN at step 2/);
    const none = train({ lr: 1e30, batchSize: 96, epochs: 1, eval: held });
    await expect(none).rejects.toMatchObject({ code: "diverged" });
  });

  it("takes a dataset, batches, or a function that gives the batches of an epoch", async () => {
    const { x, labels } = examples(24, "train");
    const batch = {
      x: new ort.Tensor("float32", x[0] as Float32Array, x[1]),
      labels: new ort.Tensor("int64", labels[0] as BigInt64Array, labels[1]),
    };
    const ordered = { epochs: 2, shuffle: false, data: npzOf(examples(24, "train")) };
    // Only of a dataset it is known how many examples there are.
    const tensorsOf = ({ adapter: { examples, ...rest } }: FitResult) => adapterBytes(rest);
    const wanted = tensorsOf(await train(ordered));
    const dataset = await openDataset(ordered.data, model, { targets: ["labels"] });
    const epochs: number[] = [];
    const notes: string[] = [];
    const onNote = (note: string) => notes.push(note);
    for (const source of [
      dataset,
      [batch],
      async function* (epoch: number) {
        epochs.push(epoch);
        yield batch;
      },
    ])
      expect(tensorsOf(await train({ ...ordered, data: source, onNote }))).toEqual(wanted);
    const idle = (name: string) => `${name} has no effect: the batches come as they are.`;
    const ofBatches = [idle("batchSize"), idle("shuffle")];
    expect(notes.filter((note) => note.includes("effect"))).toEqual([...ofBatches, ...ofBatches]);
    expect([...new Set(epochs)]).toEqual([1, 2]);
    const once = [batch].values();
    await expect(train({ data: once })).rejects.toThrow(/only once; give an array/);
    await expect(train({ data: () => [] })).rejects.toThrow(/has no batch/);
    await expect(train({ data: 3 as never })).rejects.toThrow(TypeError);
  });

  it.each<[object, RegExp]>([
    [{ epochs: 0 }, /epochs must be a positive integer \(got 0\)/],
    [{ patience: 1.5 }, /patience must be a positive integer/],
    [{ schedule: "slow" }, /schedule must be constant, linear, .* or one-cycle \(got slow\)/],
    [{ optimizerOptions: { eps: 0 } }, /eps must be a positive number/],
    [{ optimizerOptions: { betas: [0.9] } }, /betas must be 2 numbers of at least 0 and below 1/],
    [{ lossOptions: { shift: -1 } }, /shift must be an integer of at least 0/],
    [{ epoch: 3 }, /no option epoch; did you mean epochs\?/],
  ])("refuses %o in a sentence", async (more, sentence) => {
    await expect(train(more)).rejects.toThrow(sentence);
  });
});
