import fs from "node:fs";
import path from "node:path";
import { type FitOptions, laurelize, type Model, openModel, fit as train } from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { cli } from "./support/cli.ts";
import { temporaryFolder } from "./support/fixture.ts";
import { examples, FEATURES, LITTLE } from "./support/little-training.ts";
import { npzOf } from "./support/npz-file.ts";
import { modelOfText } from "./support/onnx-text.ts";

const folder = temporaryFolder();
const at = (name: string) => path.join(folder, name);

/** Ten rows, of which some do not count: a last group of two, and one of unlike batches. */
const ROWS = 10;
const { x, labels } = examples(ROWS, "rows");
for (const row of [1, 2, 7]) (labels[0] as BigInt64Array)[row] = -100n;
const wide = Float32Array.from({ length: ROWS * FEATURES }, (_, k) => Math.sin(k));
for (const k of [3, 17, 18, 40, 41, 42]) wide[k] = Number.NaN;
fs.writeFileSync(at("data.npz"), npzOf({ x, labels, wide: [wide, [ROWS, FEATURES]] }));

const laurelized = async (text: string): Promise<Model> => {
  const model = await openModel(modelOfText(text));
  return (await laurelize(model, { ort, variant: "rw+lr", rank: 2, featureAxis: 1 })).model;
};
const model = await laurelized(LITTLE);
const both = await laurelized(LITTLE.replace(`p)`, `p, float[N, ${FEATURES}] y)`));

const fitted = (given: Model, options: Partial<FitOptions>) =>
  train(given, {
    ort,
    data: at("data.npz"),
    epochs: 3,
    lr: 0.05,
    threads: 1,
    ...(options.losses ? {} : { loss: "cross-entropy", target: "labels" }),
    ...options,
  });
const numbers = ({ adapter }: Awaited<ReturnType<typeof fitted>>) =>
  adapter.tensors.flatMap(({ data }) => [...new Float32Array(data.slice().buffer)]);
const apart = (a: readonly number[], b: readonly number[]) =>
  Math.max(...a.map((value, k) => Math.abs(value - b[k])));

describe("batches that are added up", () => {
  it.each([1, 2])("four rows as batches of %i make the steps of batches of four", async (size) => {
    const once = await fitted(model, { batchSize: 4 });
    const added = await fitted(model, { batchSize: size, accumulate: 4 / size });
    expect(added.history.steps.map(({ examples }) => examples)).toEqual(
      once.history.steps.map(({ examples }) => examples),
    );
    for (const [k, { loss, norm, metrics }] of once.history.steps.entries()) {
      expect(added.history.steps[k].loss).toBeCloseTo(loss, 5);
      expect(added.history.steps[k].norm).toBeCloseTo(norm, 4);
      expect(added.history.steps[k].metrics.accuracy).toBeCloseTo(metrics.accuracy, 5);
    }
    expect(apart(numbers(added), numbers(once))).toBeLessThan(1e-5);
    // As a sum of unweighted means, it would not be.
    const other = await fitted(model, { batchSize: 1, accumulate: 1 });
    expect(apart(numbers(other), numbers(once))).toBeGreaterThan(1e-3);
  });

  it("so do those of several losses, each by its own examples", async () => {
    const losses = [
      { output: "p", loss: "cross-entropy", target: "labels" },
      { output: "y", loss: "mse", target: "wide", weight: 0.5 },
    ] as const;
    const once = await fitted(both, { losses, batchSize: 4 });
    const added = await fitted(both, { losses, batchSize: 1, accumulate: 4 });
    for (const [k, { loss }] of once.history.steps.entries())
      expect(added.history.steps[k].loss).toBeCloseTo(loss, 5);
    expect(apart(numbers(added), numbers(once))).toBeLessThan(1e-5);
  });

  it("a resumed training has the same bytes", async () => {
    const how = { batchSize: 1, accumulate: 4 };
    const whole = await fitted(model, how);
    const stop = new AbortController();
    const part = await fitted(model, {
      ...how,
      signal: stop.signal,
      onStep: ({ step }) => {
        if (step === 4) stop.abort();
      },
    });
    expect(part.stopped).toBe("aborted");
    const resumed = await fitted(model, { ...how, resume: part.checkpoint });
    expect(resumed.checkpoint).toEqual(whole.checkpoint);
    const other = fitted(model, { ...how, accumulate: 2, resume: part.checkpoint });
    await expect(other).rejects.toThrow(/--accumulate 4, and this one has 2/);
  });

  it("of a model in half precision are added up in single precision", async () => {
    const half = await laurelized(LITTLE.replaceAll("float[", "float16["));
    const data = (size: number) =>
      Array.from({ length: 8 / size }, (_, k) => {
        const some = (x[0] as Float32Array).subarray(
          k * size * FEATURES,
          (k + 1) * size * FEATURES,
        );
        const own = (labels[0] as BigInt64Array).slice(k * size, (k + 1) * size);
        const bits = Uint16Array.from(some, (value) => (value > 0 ? 0x3800 : 0xb400));
        return {
          x: new ort.Tensor("float16", bits, [size, FEATURES]),
          labels: new ort.Tensor("int64", own, [size]),
        };
      });
    const once = await fitted(half, { data: data(4), epochs: 1 });
    const added = await fitted(half, { data: data(1), epochs: 1, accumulate: 4 });
    for (const [k, { loss, norm }] of once.history.steps.entries()) {
      expect(Math.abs(added.history.steps[k].loss - loss)).toBeLessThan(2e-3);
      expect(Math.abs(added.history.steps[k].norm / norm - 1)).toBeLessThan(5e-3);
    }
  });

  it("a model of batch 1 is trained so from the command line", () => {
    fs.writeFileSync(at("one.onnx"), modelOfText(LITTLE.replaceAll("[N,", "[1,")));
    const given = ["finetune", at("one.onnx"), "--data", at("data.npz"), "--accumulate", "4"];
    const loss = ["--loss", "cross-entropy", "--target", "labels", "--feature-axis", "1"];
    const ran = cli([...given, ...loss, "-e", "2", "-o", at("one.tuned.onnx"), "--json"]);
    expect(ran.code, ran.stderr).toBe(0);
    expect(JSON.parse(ran.stdout).steps).toBe(6);
  });
});
