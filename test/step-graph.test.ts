import {
  DivergedError,
  finetune,
  type LossName,
  laurelize,
  type Model,
  openModel,
  type StepGraph,
  stepGraph,
  type Tensors,
} from "laurelize";
import type { Tensor } from "onnxruntime-node";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { uniform } from "../src/graph/random.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { sessionOn } from "./support/session.ts";

const [ROWS, FEATURES, CLASSES] = [6, 8, 3];

/** A residual block and a head; `ending` makes `out` of `logits`. */
const text = (ending: string, opset = 17) => `<ir_version: 8, opset_import: ["" : ${opset}]>
net (float[N, ${FEATURES}] x) => (float[N, ${CLASSES}] out)
<int64[1] one = {1}, float[${FEATURES}, 16] up, float[16, ${FEATURES}] down, float[${FEATURES}, ${CLASSES}] head>
{
  wide = MatMul(x, up)
  nonlinear = Relu(wide)
  f = MatMul(nonlinear, down)
  [res] y = Add(x, f)
  logits = MatMul(y, head)
  ${ending.includes("out = ") ? ending : `out = ${ending}`}
}`;

async function laurelized(
  ending = "Identity(logits)",
  opset = 17,
  dtype = "float",
): Promise<Model> {
  const written = text(ending, opset).replaceAll("float[", `${dtype}[`);
  const model = await openModel(modelOfText(written));
  return (await laurelize(model, { ort, variant: "rw+lr", rank: 2, featureAxis: 1 })).model;
}

const floats = (name: string, ...dims: number[]) => {
  const next = uniform(7, name);
  const count = dims.reduce((a, b) => a * b, 1);
  return new ort.Tensor(
    "float32",
    Float32Array.from({ length: count }, () => 2 * next() - 1),
    dims,
  );
};
const labels = (...values: number[]) =>
  new ort.Tensor("int64", BigInt64Array.from(values, BigInt), [values.length]);

/** Rows of a tensor from one on, before another. */
function cut(tensor: Tensor, from: number, to: number): Tensor {
  const [rows, ...dims] = tensor.dims;
  const width = tensor.size / rows;
  const data = (tensor.data as Float32Array).slice(from * width, to * width);
  return new ort.Tensor(tensor.type as "float32", data, [to - from, ...dims]);
}

/** Floats as doubles; integers as they are. */
const wide = (tensor: Tensor) =>
  tensor.type === "float32"
    ? new ort.Tensor("float64", Float64Array.from(tensor.data as Float32Array), tensor.dims)
    : tensor;

const numbers = (tensor: Tensor) => Array.from(tensor.data as Float32Array, Number);

async function run(model: Model, feeds: Tensors, optimized = true): Promise<Tensors> {
  const session = await sessionOn(model.toBytes(), {
    graphOptimizationLevel: optimized ? "all" : "disabled",
  });
  const result = await session.run(feeds as Record<string, Tensor>);
  await session.release();
  return result;
}

/** Rows of a matrix that lies in one array. */
const rowsOf = (data: readonly number[], width: number) =>
  Array.from({ length: data.length / width }, (_, k) => data.slice(k * width, (k + 1) * width));

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

function logSoftmax(row: readonly number[]): number[] {
  const top = Math.max(...row);
  const sum = Math.log(row.reduce((a, z) => a + Math.exp(z - top), 0));
  return row.map((z) => z - top - sum);
}

function softmaxOfColumns(rows: readonly number[][]): number[][] {
  const columns = rows[0].map((_, j) => logSoftmax(rows.map((row) => row[j])).map(Math.exp));
  return rows.map((_, k) => columns.map((column) => column[k]));
}

describe("a loss is PyTorch's, by its formula in float64", () => {
  const x = floats("x", ROWS, FEATURES);
  const soft = new ort.Tensor(
    "float32",
    Float32Array.from(
      rowsOf(numbers(floats("t", ROWS, CLASSES)), CLASSES).flatMap((row) =>
        logSoftmax(row).map(Math.exp),
      ),
    ),
    [ROWS, CLASSES],
  );
  /** Shares that do not sum to 1, of which one row has none: each row counts as one all the same. */
  const scaled = new ort.Tensor(
    "float32",
    Float32Array.from(numbers(soft), (share, k) => (k < CLASSES ? 0 : share / 2)),
    [ROWS, CLASSES],
  );
  const hard = [0, 2, 1, -100, 2, 0];
  const cross = (z: number[][]) =>
    mean(z.flatMap((row, k) => (hard[k] < 0 ? [] : [-logSoftmax(row)[hard[k]]])));
  const pairs = (z: number[][], each: (y: number, t: number) => number) =>
    mean(z.flat().map((y, k) => each(y, numbers(soft)[k])));
  const cases: [LossName, string, Tensor, (z: number[][]) => number][] = [
    ["cross-entropy", "Identity(logits)", labels(...hard), cross],
    ["cross-entropy", "Softmax<axis = 1>(logits)", labels(...hard), cross],
    [
      "cross-entropy",
      "p = Softmax<axis = 1>(logits) h = Cast<to = 11>(p) i = Identity(h) out = Cast<to = 1>(i)",
      labels(...hard),
      cross,
    ],
    [
      "cross-entropy",
      "u = Unsqueeze(logits, one) p = Softmax<axis = 2>(u) out = Squeeze(p, one)",
      labels(...hard),
      cross,
    ],
    [
      "cross-entropy",
      "p = Softmax<axis = 0>(logits) out = Identity(p)",
      labels(...hard),
      // Along another axis than the classes' it gives probabilities of something else.
      (z) => {
        const p = softmaxOfColumns(z);
        return mean(hard.flatMap((label, k) => (label < 0 ? [] : [-Math.log(p[k][label])])));
      },
    ],
    [
      "cross-entropy",
      "Identity(logits)",
      soft,
      (z) =>
        mean(
          z.map(
            (row, k) =>
              -logSoftmax(row).reduce((a, p, j) => a + p * numbers(soft)[k * CLASSES + j], 0),
          ),
        ),
    ],
    [
      "cross-entropy",
      "Identity(logits)",
      scaled,
      (z) =>
        mean(
          z.map(
            (row, k) =>
              -logSoftmax(row).reduce((a, p, j) => a + p * numbers(scaled)[k * CLASSES + j], 0),
          ),
        ),
    ],
    [
      "binary-cross-entropy",
      "p = Sigmoid(logits) h = Cast<to = 11>(p) out = Cast<to = 1>(h)",
      soft,
      (z) => pairs(z, (y, t) => Math.log1p(Math.exp(y)) - y * t),
    ],
    [
      "binary-cross-entropy",
      "Sigmoid(logits)",
      soft,
      (z) => pairs(z, (y, t) => Math.log1p(Math.exp(y)) - y * t),
    ],
    ["mse", "Identity(logits)", soft, (z) => pairs(z, (y, t) => (y - t) ** 2)],
    ["l1", "Identity(logits)", soft, (z) => pairs(z, (y, t) => Math.abs(y - t))],
    [
      "cosine",
      "Identity(logits)",
      soft,
      (z) =>
        mean(
          z.map((row, k) => {
            const t = numbers(soft).slice(k * CLASSES, (k + 1) * CLASSES);
            const dot = (a: number[], b: number[]) => a.reduce((s, v, j) => s + v * b[j], 0);
            return 1 - dot(row, t) / Math.sqrt(dot(row, row) * dot(t, t));
          }),
        ),
    ],
  ];
  /** Those whose ending has one form in every opset and type, and takes rows one by one. */
  const simple = cases.filter(([, ending]) => !ending.includes("out = "));
  it.each(simple)("%s of %s, in double, also in opset 7", async (loss, ending, target, formula) => {
    const [exact, wanted] = [wide(x), wide(target)];
    const logits = (await run(await laurelized(undefined, 17, "double"), { x: exact })).out;
    const expected = formula(rowsOf(numbers(logits as Tensor), CLASSES));
    for (const opset of [7, 17]) {
      const model = await laurelized(ending, opset, "double");
      const tuning = finetune(model, { ort, threads: 1, loss, target: "target" });
      const batch = { x: exact, target: wanted };
      const { loss: got } = await tuning.evaluate([batch]);
      expect(Math.abs(got - expected)).toBeLessThan(1e-12 * Math.max(1, Math.abs(expected)));
      for await (const step of tuning.over([batch])) expect(step.norm).toBeGreaterThan(0);
      await tuning.close();
    }
  });

  const opsets = [7, 8, 17].flatMap((opset) =>
    (opset < 17 ? simple : cases).map((one) => [opset, ...one] as const),
  );
  it.each(opsets)("in opset %s, %s of %s", async (opset, loss, ending, target, formula) => {
    const model = await laurelized(ending, opset);
    const logits = (await run(await laurelized(), { x })).out;
    const tuning = finetune(model, { ort, threads: 1, loss, target: "target" });
    const expected = formula(rowsOf(numbers(logits as Tensor), CLASSES));
    // Cut anywhere, of which one part has fewer labels that count or none, the loss is that of the whole.
    const cuts = opset === 17 && !ending.includes("out = ") ? [[3, 4, ROWS]] : [];
    for (const ends of [[ROWS], ...cuts]) {
      const parts = ends.map((end, k) => ({
        x: cut(x, ends[k - 1] ?? 0, end),
        target: cut(target, ends[k - 1] ?? 0, end),
      }));
      const { loss: got, rows } = await tuning.evaluate(parts);
      expect(rows).toBe(ROWS);
      expect(Math.abs(got - expected)).toBeLessThan(1e-5 * Math.max(1, Math.abs(expected)));
    }
    for await (const step of tuning.over([{ x, target }])) expect(step.norm).toBeGreaterThan(0);
    await tuning.close();
  });

  it("refuses targets of another shape or type with a sentence", async () => {
    const model = await laurelized();
    const given = async (loss: LossName, target: Tensor) =>
      finetune(model, { ort, threads: 1, loss, target: "target" }).evaluate([{ x, target }]);
    await expect(given("mse", labels(...hard))).rejects.toThrow(/its targets are floats of/);
    await expect(given("cross-entropy", labels(1, 2))).rejects.toThrow(/have the shape \[6\]/);
    await expect(given("cross-entropie" as "mse", labels(1))).rejects.toThrow(/there is no loss/);
  });

  it("refuses sizes of inputs that contradict each other with a sentence", async () => {
    const given = `<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 4] x, float[M, 4] z) => (float[3, 4] out) <float[4, 4] w>
{
  y = MatMul(x, w)
  out = Add(y, z)
}`;
    const [type, inputs] = [
      { dtype: "float", shape: [3, 4] },
      { x: [2, 4], z: [3, 4] },
    ];
    const options = {
      ort,
      loss: "mse",
      train: ["w"],
      target: { name: "t", type },
      inputs,
    } as const;
    await expect(stepGraph(await openModel(modelOfText(given)), options)).rejects.toThrow(
      "from the sizes of the inputs; check that they fit together",
    );
  });
});

const start = (step: StepGraph, model: Model): Record<string, Tensor> => {
  const tuning = finetune(model, { ort, threads: 1, loss: "mse", target: "target" });
  return Object.fromEntries(
    step.slots.flatMap(({ weight, state, dims }) => [
      [weight, tuning.weights[weight] as Tensor],
      ...state.map(
        ({ input }) =>
          [
            input,
            new ort.Tensor("float32", new Float32Array(dims.reduce((a, b) => a * b, 1)), dims),
          ] as [string, Tensor],
      ),
    ]),
  );
};

const scalar = (value: number) => new ort.Tensor("float32", [value], []);

describe("a step", () => {
  const inputs = { x: [ROWS, FEATURES] };
  const batch = { x: floats("x", ROWS, FEATURES), target: floats("t", ROWS, CLASSES) };
  const shape = [ROWS, CLASSES];
  const options = {
    ort,
    loss: "mse" as const,
    target: { name: "target", type: { dtype: "float", shape } },
    inputs,
  };

  it.each<["adamw" | "sgd", { clip?: number; clipValue?: number }, "one-cycle"?]>([
    ["adamw", { clip: 0.05 }],
    ["sgd", { clip: 0.05 }],
    ["sgd", { clipValue: 1e-3 }],
    ["adamw", { clip: 0.05, clipValue: 1e-3 }],
    ["sgd", { clip: 0.05 }, "one-cycle"],
    ["adamw", { clip: 0.05 }, "one-cycle"],
  ])("is %s's, clipped by %o, by its formula in float64", async (optimizer, clipping, schedule) => {
    const model = await laurelized();
    const optimizerOptions = { ...clipping, weightDecay: 0.1 };
    const { clip = Number.POSITIVE_INFINITY, clipValue = clip } = clipping;
    const step = await stepGraph(model, { ...options, optimizer, optimizerOptions, schedule });
    let weights = start(step, model);
    const kept = new Map<string, number[][]>();
    for (const t of [1, 2, 3]) {
      const momentum = schedule ? 1 - 0.05 * t : 0.9;
      const rates = { [step.lr]: scalar(0.01), [step.step]: scalar(t) };
      if (schedule) rates[step.momentum!] = scalar(momentum);
      const feeds = { ...batch, ...weights, ...rates };
      const names = new Set([...Object.keys(batch), ...step.slots.map(({ weight }) => weight)]);
      const given = Object.fromEntries(Object.entries(feeds).filter(([name]) => names.has(name)));
      const gradients = await run(step.gradients, given);
      const outputs = await run(step.whole, feeds);
      const g = step.slots.map(({ weight }) =>
        numbers(gradients[step.gradientOf[weight]] as Tensor),
      );
      const norm = Math.sqrt(g.flat().reduce((a, v) => a + v * v, 0));
      expect(numbers(outputs[step.norm] as Tensor)[0]).toBeCloseTo(norm, 5);
      const scale = Math.min(1, clip / (norm + 1e-6));
      for (const [k, { weight, newWeight }] of step.slots.entries()) {
        const decay = /\.[AB]$/.test(weight) ? 0.1 : 0;
        const old = numbers(weights[weight]);
        const [m, v] = kept.get(weight) ?? [old.map(() => 0), old.map(() => 0)];
        const next = old.map((w, j) => {
          const gradient = Math.max(-clipValue, Math.min(clipValue, g[k][j] * scale));
          if (optimizer === "sgd") {
            m[j] = momentum * m[j] + gradient + decay * w;
            return w - 0.01 * m[j];
          }
          m[j] = momentum * m[j] + (1 - momentum) * gradient;
          v[j] = 0.999 * v[j] + 0.001 * gradient ** 2;
          const root = Math.sqrt(v[j] / (1 - 0.999 ** t)) + 1e-8;
          return w * (1 - 0.01 * decay) - (0.01 * m[j]) / (1 - momentum ** t) / root;
        });
        kept.set(weight, [m, v]);
        for (const [j, w] of numbers(outputs[newWeight] as Tensor).entries())
          expect(Math.abs(w - next[j]), `${weight} ${j} at step ${t}`).toBeLessThan(
            3e-6 * 0.01 + 1e-7 * Math.abs(w),
          );
      }
      weights = Object.fromEntries(
        step.slots.flatMap(({ weight, newWeight, state }) => [
          [weight, outputs[newWeight] as Tensor],
          ...state.map(({ input, output }) => [input, outputs[output] as Tensor] as const),
        ]),
      );
    }
  });

  it("of two half batches, their gradients averaged, is that of the whole batch", async () => {
    const model = await laurelized();
    const whole = await stepGraph(model, options);
    const half = await stepGraph(model, {
      ...options,
      inputs: { x: [ROWS / 2, FEATURES] },
      target: { name: "target", type: { dtype: "float", shape: [ROWS / 2, CLASSES] } },
    });
    const weights = start(whole, model);
    const trained = Object.fromEntries(whole.slots.map(({ weight }) => [weight, weights[weight]]));
    const part = (tensor: Tensor, k: number) => {
      const [rows, width] = tensor.dims;
      const size = (rows / 2) * width;
      const data = (tensor.data as Float32Array).slice(k * size, (k + 1) * size);
      return new ort.Tensor("float32", data, [rows / 2, width]);
    };
    const halves: Tensors[] = [];
    for (const k of [0, 1])
      halves.push(
        await run(half.gradients, {
          x: part(batch.x, k),
          target: part(batch.target, k),
          ...trained,
        }),
      );
    const averaged = Object.fromEntries(
      Object.values(half.gradientOf).map((name) => {
        const [a, b] = halves.map((outputs) => outputs[name].data as Float32Array);
        const data = a.map((value, k) => (value + b[k]) / 2);
        return [name, new ort.Tensor("float32", data, halves[0][name].dims)];
      }),
    );
    const rates = { [whole.lr]: scalar(0.01), [whole.step]: scalar(1) };
    const updated = await run(half.update, { ...weights, ...averaged, ...rates });
    const direct = await run(whole.whole, { ...batch, ...weights, ...rates });
    for (const { newWeight } of whole.slots)
      for (const [k, w] of numbers(updated[newWeight] as Tensor).entries())
        expect(Math.abs(w - numbers(direct[newWeight] as Tensor)[k])).toBeLessThan(1e-5);
  });
});

describe("fine-tuning", () => {
  const batches = (rounds: number) =>
    Array.from({ length: rounds }, (_, k) => ({
      x: floats(`x${k % 4}`, ROWS, FEATURES),
      target: floats(`t${k % 4}`, ROWS, CLASSES),
    }));

  it("makes the loss smaller, from what it was, with nothing else trained", async () => {
    const model = await laurelized();
    const tuning = finetune(model, { ort, threads: 1, loss: "mse", target: "target", lr: 0.02 });
    const before = await tuning.evaluate(batches(4));
    const first = { ...tuning.weights };
    for await (const step of tuning.over(batches(80)))
      expect(Number.isFinite(step.loss)).toBe(true);
    const after = await tuning.evaluate(batches(4));
    expect(after.loss).toBeLessThan(0.8 * before.loss);
    expect(Object.keys(tuning.weights).every((name) => name.includes(".laurel."))).toBe(true);
    for (const name of Object.keys(first))
      expect(numbers(tuning.weights[name] as Tensor)).not.toEqual(numbers(first[name] as Tensor));
    await tuning.close();
  });

  it("stops at a loss that is not a number and keeps the weights from before", async () => {
    const tuning = finetune(await laurelized(), { ort, threads: 1, loss: "mse", target: "target" });
    const bad = batches(3);
    (bad[2].x.data as Float32Array)[0] = Number.NaN;
    let steps = 0;
    const all = async () => {
      for await (const { step } of tuning.over(bad)) steps = step;
    };
    await expect(all()).rejects.toThrow(DivergedError);
    expect(steps).toBe(2);
    for (const tensor of Object.values(tuning.weights))
      expect(numbers(tensor as Tensor).every(Number.isFinite)).toBe(true);
    await tuning.close();
  });

  it("follows the original's own outputs without a target", async () => {
    const original = await openModel(modelOfText(text("Identity(logits)")));
    const tuning = finetune(await laurelized(), {
      ort,
      threads: 1,
      loss: "distillation",
      teacher: original,
    });
    const { loss, metrics } = await tuning.evaluate(batches(2));
    expect(loss).toBeLessThan(1e-9);
    expect(metrics.agreement).toBe(1);
    await tuning.close();
  });

  it("trains in half precision, in which onnxruntime does not scatter sums", async () => {
    const half = text("Identity(logits)").replaceAll("float[", "float16[");
    const plain = await openModel(modelOfText(half));
    const { model } = await laurelize(plain, { ort, rank: 2, featureAxis: 1 });
    const tuning = finetune(model, {
      ort,
      threads: 1,
      loss: "cross-entropy",
      target: "t",
      lr: 0.05,
    });
    const x = new ort.Tensor(
      "float16",
      Uint16Array.from(Array(16), (_, k) => 0x3000 + 256 * k),
      [2, FEATURES],
    );
    const losses: number[] = [];
    for await (const { loss } of tuning.over(Array(5).fill({ x, t: labels(0, 2) })))
      losses.push(loss);
    await tuning.close();
    expect(losses[4]).toBeLessThan(losses[0]);
  });
});
