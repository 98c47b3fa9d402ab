import fs from "node:fs";
import path from "node:path";
import {
  type FinetuneOptions,
  type FitOptions,
  finetune,
  laurelize,
  openModel,
  fit as train,
} from "laurelize";
import ort, { type Tensor } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { cli } from "./support/cli.ts";
import { temporaryFolder } from "./support/fixture.ts";
import { littleTraining } from "./support/little-training.ts";
import { count, scores } from "./support/loss-on.ts";
import { modelOfText } from "./support/onnx-text.ts";

/**
 * NumPy in float64, over all rows at once:
 *
 *     s = lambda *d: (2*np.sin(1.7*np.arange(np.prod(d)))).astype(np.float32).astype(float).reshape(d)
 *     counts(p, t) of each class: right r, wrongly given g, missed m; of classes only those with r + g + m > 0
 *     f1-macro: mean(2r/(2r+g+m)); f1-micro: 2Σr/(2Σr+Σg+Σm); iou: mean(r/(r+g+m)); 0 without a denominator
 *     top-2: (np.argsort(-x, axis=1, kind='stable')[:, :2] == t[:, None]).any(1).mean()
 *     classes: s(12, 6), t = [0, 2, 1, -100, 4, 4, 3, 0, -100, 1, 2, 2]
 *     yes-no: s(12, 3) > 0, t = cos(arange(36)) > 0.2, NaN at [1, 1], [5, 2], [11, 0]
 *     values: s(12, 2), t = f32(1000 + cos(arange(24))) - 1000, NaN at [3, 0], [7, 1]; large: without - 1000
 *     sequences: s(5, 7, 4), greedy, blank 0, edits by Levenshtein over labels
 */
const FIGURES = {
  classes: {
    accuracy: 0.2,
    "top-2": 0.3,
    "f1-macro": 0.166666667,
    "f1-micro": 0.2,
    iou: 0.116666667,
    perplexity: 11.607331738,
  },
  "yes-no": { accuracy: 0.515151515, "f1-macro": 0.503030303, "f1-micro": 0.5, iou: 0.341931217 },
  values: { mae: 1.308364001, r2: -3.500536708 },
  large: { mae: 999.857346437, r2: -2057167.908037128 },
  sequences: { cer: 0.545454545 },
} as const;
const CONFUSION = [
  [0, 1, 0, 1, 0, 0],
  [1, 0, 1, 0, 0, 0],
  [1, 0, 1, 0, 0, 1],
  [0, 0, 1, 0, 0, 0],
  [0, 0, 0, 1, 1, 0],
  [0, 0, 0, 0, 0, 0],
];

/** A model whose output is its input s. */
async function outputIsInput(dims: readonly number[], opset = 17) {
  const shape = ["N", ...dims.slice(1)].join(", ");
  const text = `<ir_version: 8, opset_import: ["" : ${opset}]>
net (float[N, 8] x, float[${shape}] s) => (float[${shape}] out)
<float[8, 16] up, float[16, 8] down, float[1] zero = {0.0}>
{
  wide = MatMul(x, up)
  nonlinear = Relu(wide)
  f = MatMul(nonlinear, down)
  [res] y = Add(x, f)
  mean = ReduceMean<keepdims = 0>(y)
  nil = Mul(mean, zero)
  out = Add(s, nil)
}`;
  const model = await openModel(modelOfText(text));
  return (await laurelize(model, { ort, variant: "rw", featureAxis: 1 })).model;
}

type Target = readonly [values: Float32Array | BigInt64Array, dims: readonly number[]];

/** An evaluation of all rows in batches of unlike sizes. */
async function evaluated(
  dims: readonly number[],
  [values, own]: Target,
  options: Pick<FinetuneOptions, "loss" | "metrics" | "lossOptions">,
  opset = 17,
) {
  const [rows] = dims;
  const all = scores(dims);
  const rowsFrom = (from: number, to: number) => {
    const part = <T extends Float32Array | BigInt64Array>(data: T, shape: readonly number[]) => {
      const width = count(shape.slice(1));
      const some = data.slice(from * width, to * width);
      const type = some instanceof Float32Array ? "float32" : "int64";
      return new ort.Tensor(type as "float32", some as Float32Array, [
        to - from,
        ...shape.slice(1),
      ]);
    };
    const x = new ort.Tensor("float32", new Float32Array((to - from) * 8), [to - from, 8]);
    return { x, s: part(all, dims), t: part(values, own) } as Record<string, Tensor>;
  };
  const cuts = [0, Math.ceil(rows / 2), rows - 1, rows];
  const batches = cuts.slice(1).map((to, k) => rowsFrom(cuts[k], to));
  const model = await outputIsInput(dims, opset);
  const tuning = finetune(model, { ort, threads: 1, target: "t", ...options });
  await tuning.plan(batches[0]);
  const got = await tuning.evaluate(batches);
  await tuning.close();
  return got;
}

const near = (got: Readonly<Record<string, number>>, wanted: Readonly<Record<string, number>>) => {
  for (const [name, value] of Object.entries(wanted)) {
    const size = Math.max(1, Math.abs(value));
    expect(Math.abs(got[name] - value) / size, `${name}: ${got[name]}`).toBeLessThan(1e-6);
  }
};

const labels = [0, 2, 1, -100, 4, 4, 3, 0, -100, 1, 2, 2];
const LABELS: Target = [BigInt64Array.from(labels, BigInt), [12]];
const bits = Float32Array.from({ length: 36 }, (_, k) => (Math.cos(k) > 0.2 ? 1 : 0));
for (const at of [4, 17, 33]) bits[at] = Number.NaN;
const large = Float32Array.from({ length: 24 }, (_, k) => 1000 + Math.cos(k));
for (const at of [6, 15]) large[at] = Number.NaN;
const ALL = ["f1-macro", "f1-micro", "iou"];

describe("metrics are those of all rows together, whatever the batches", () => {
  it.each([17, 9])("of classes, in opset %i", async (opset) => {
    const metrics = ["top-2", ...ALL, "perplexity"];
    const lossOptions = { classWeights: [1, 2, 3, 4, 5, 6], labelSmoothing: 0.1 };
    const options = { loss: "cross-entropy" as const, metrics, lossOptions };
    const got = await evaluated([12, 6], LABELS, options, opset);
    near(got.metrics, FIGURES.classes);
    expect(Object.keys(got.metrics)).toEqual([...metrics, "accuracy"]);
    expect(got.confusion).toEqual({ out: CONFUSION });
  });

  it("of soft targets, by their largest share", async () => {
    const shares = new Float32Array(72).fill(0.02);
    for (const [k, label] of labels.entries()) shares[k * 6 + Math.max(0, label)] = 0.9;
    const got = await evaluated([12, 6], [shares, [12, 6]], { loss: "focal", metrics: ALL });
    const right = [...scores([12, 6])];
    const hits = labels.filter((label, k) => {
      const row = right.slice(k * 6, k * 6 + 6);
      return row.indexOf(Math.max(...row)) === Math.max(0, label);
    });
    expect(got.metrics.accuracy).toBeCloseTo(hits.length / 12, 9);
    expect(got.metrics["f1-micro"]).toBeCloseTo(hits.length / 12, 9);
  });

  it("of yes and no, with labels that are missing", async () => {
    const options = { loss: "binary-cross-entropy" as const, metrics: ALL };
    near((await evaluated([12, 3], [bits, [12, 3]], options)).metrics, FIGURES["yes-no"]);
  });

  it("of values, also large ones", async () => {
    const options = { loss: "huber" as const, metrics: ["mae", "r2"] };
    const small = large.map((value) => value - 1000);
    near((await evaluated([12, 2], [small, [12, 2]], options)).metrics, FIGURES.values);
    near((await evaluated([12, 2], [large, [12, 2]], options)).metrics, FIGURES.large);
  });

  it("of sequences", async () => {
    const rows = [
      [1, 3, 2],
      [2, 2, 0],
      [3, 0, 0],
      [1, 1, 2],
      [3, 1, 0],
    ];
    const target: Target = [BigInt64Array.from(rows.flat(), BigInt), [5, 3]];
    const got = await evaluated([5, 7, 4], target, { loss: "ctc" });
    near(got.metrics, FIGURES.sequences);
    // As labels, position by position: three of 1, 3, 2 and so on.
    const each = {
      loss: "cross-entropy" as const,
      metrics: ["cer"],
      lossOptions: { ignoreIndex: 0 },
    };
    const same = await evaluated([5, 3, 4], target, each);
    const all = [...scores([5, 3, 4])];
    const read = rows.flat().map((_, k) => {
      const row = all.slice(k * 4, k * 4 + 4);
      return row.indexOf(Math.max(...row));
    });
    const wrong = rows.flat().filter((label, k) => label > 0 && label !== read[k]).length;
    expect(same.metrics.cer).toBeLessThanOrEqual(wrong / 11);
    expect(same.metrics.cer).toBeGreaterThan(0);
  });

  it.each([
    ["mae", /metric mae compares values, and out gives classes/],
    ["f2", /there is no metric "f2"/],
    ["acuracy", /did you mean accuracy\?/],
  ])("and %s is refused in a sentence", async (name, why) => {
    const got = evaluated([12, 6], LABELS, { loss: "cross-entropy", metrics: [name] });
    await expect(got).rejects.toThrow(why);
  });
});

describe("the best epoch", () => {
  const folder = temporaryFolder();
  const { at, args } = littleTraining(folder);
  const fitted = async (options: Partial<FitOptions>) => {
    const model = await openModel(at("net.onnx"));
    const laurel = await laurelize(model, { ort, variant: "rw", featureAxis: 1 });
    return train(laurel.model, {
      ...{
        ort,
        loss: "cross-entropy",
        target: "labels",
        data: at("train.npz"),
        eval: at("val.npz"),
      },
      ...{ epochs: 6, lr: 0.3, threads: 1 },
      ...options,
    });
  };

  it("is the first with the highest accuracy, or the lowest loss", async () => {
    for (const [best, sign] of [
      ["accuracy", -1],
      ["loss", 1],
    ] as const) {
      const got = await fitted({ best });
      const of = got.history.epochs.map(
        ({ eval: held }) => sign * (best === "loss" ? held!.loss : held!.metrics.accuracy),
      );
      expect(got.best.epoch).toBe(of.indexOf(Math.min(...of)) + 1);
      expect(got.best.value).toBe(sign * Math.min(...of));
      const matrix = got.best.confusion!.p;
      const right = matrix.reduce((sum, row, k) => sum + row[k], 0);
      const { metrics } = got.history.epochs[got.best.epoch - 1].eval!;
      expect(right / matrix.flat().reduce((a, b) => a + b, 0)).toBeCloseTo(metrics.accuracy, 9);
    }
  });

  it("is chosen on the command line, resumed, and logged with its confusion matrix", () => {
    const run = (...more: string[]) => {
      const given = ["--variant", "rw", "--lr", "0.3", "-o", at("o.onnx"), ...more];
      return cli(args("train.npz", "--eval", at("val.npz"), ...given));
    };
    const choice = ["--metrics", "f1-macro,top-2", "--best", "f1-macro"];
    const whole = run("-e", "4", ...choice);
    expect(whole.code, whole.stderr).toBe(0);
    expect(whole.stderr).toMatch(
      /epoch 4\/4: .*; eval loss [\d.]+, f1-macro [\d.]+, top-2 [\d.]+, accuracy/,
    );
    const bytes = fs.readFileSync(at("o.onnx"));
    const log = JSON.parse(fs.readFileSync(at("o.json"), "utf8"));
    const of = log.epochs.map(
      (epoch: { eval: { metrics: Record<string, number> } }) => epoch.eval.metrics["f1-macro"],
    );
    expect(log.best).toMatchObject({
      by: "f1-macro",
      value: Math.max(...of),
      epoch: of.indexOf(Math.max(...of)) + 1,
    });
    expect(log.confusion.p.flat().reduce((a: number, b: number) => a + b)).toBe(64);
    expect(run("-e", "2", ...choice, "-f").code).toBe(0);
    expect(run("-e", "4", ...choice, "--resume").code).toBe(0);
    expect(fs.readFileSync(at("o.onnx")).equals(bytes)).toBe(true);
    expect(run("-e", "4", "--resume").stderr).toMatch(/run with --best f1-macro/);
    const none = cli(args("train.npz", "--best", "accuracy", "-o", path.join(folder, "p.onnx")));
    expect([none.code, none.stderr]).toEqual([
      2,
      expect.stringMatching(/--best accuracy .* give --eval/),
    ]);
    const wrong = run("-e", "1", "--best", "mae", "-f");
    expect([wrong.code, wrong.stderr]).toEqual([
      2,
      expect.stringMatching(/metric mae compares values/),
    ]);
  });
});
