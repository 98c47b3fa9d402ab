import path from "node:path";
import { batches, openDataset, openModel, type Tensors, fit as tune } from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { type NpyArray, npzOf } from "./support/npz-file.ts";
import { modelOfText } from "./support/onnx-text.ts";

const cases = path.join(import.meta.dirname, "cases/finetuning");

const modelWith = (inputs: string, body = "out = Shape(x)") =>
  openModel(
    modelOfText(
      `<ir_version: 8, opset_import: ["" : 17]> net (${inputs}) => (int64[K] out) { ${body} }`,
    ),
  );

const range = (...dims: number[]): NpyArray => {
  const count = dims.reduce((a, b) => a * b, 1);
  return [Float32Array.from({ length: count }, (_, k) => k), dims];
};
const ints = (values: readonly number[], ...dims: number[]): NpyArray => [
  BigInt64Array.from(values, BigInt),
  dims,
];
const x = range(4, 2);
const labels = ints([0, 1, 1, 0], 4);
const numbers = (tensor: Tensors[string]) => Array.from(tensor.data as Float32Array, Number);

async function cut(inputs: string, arrays: Record<string, NpyArray>, size = 2, more = {}) {
  const model = await modelWith(inputs);
  const data = await openDataset(npzOf({ x, labels, ...arrays }), model, {
    targets: ["labels"],
    ...more,
  });
  return { data, all: [...batches(data, { ort, batchSize: size })] };
}

describe("the axis of the examples", () => {
  it("is the model's batch dimension, at the front or not", async () => {
    const state = range(3, 4, 2);
    const { all } = await cut("float[n, 2] x, float[3, n, 2] h", { h: state });
    expect(all.map(({ h }) => h.dims)).toEqual([
      [3, 2, 2],
      [3, 2, 2],
    ]);
    // Rows 2 and 3 of each of the three layers.
    expect(numbers(all[1].h)).toEqual([4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23]);
  });

  it.each(["constructor", "__proto__"])("is that of labels and columns named %s", async (name) => {
    const model = await modelWith("float[n, 2] x");
    const targets = [name];
    const arrays = await openDataset(npzOf({ x, [name]: labels }), model, { targets });
    expect(arrays.rows).toBe(4);
    const table = new File([`a,b,${name}\n1,2,red\n3,4,blue\n`], "t.csv");
    const named = await openDataset(table, model, { targets });
    expect(named.rows).toBe(2);
    expect(Object.entries(named.classes)).toEqual([[name, ["blue", "red"]]]);
  });

  it("is distinguished from one of the same size by the dimension that other inputs have", async () => {
    const time = range(4, 4, 1);
    const { all } = await cut("float[t, n, 1] x, float[1, n, 2] h", { x: time, h: range(1, 4, 2) });
    expect(all[0].x.dims).toEqual([4, 2, 1]);
    expect(numbers(all[1].x)).toEqual([2, 3, 6, 7, 10, 11, 14, 15]);
    const named = await cut("float[t, batch, 1] x", { x: time });
    expect(named.all[0].x.dims).toEqual([4, 2, 1]);
  });

  it("is found by size if dimensions have no names or are fixed", async () => {
    const { all } = await cut("float[n, 2] x, float[2, 1, 3] h", { h: range(2, 4, 3) }, 1);
    expect(all.map(({ h }) => numbers(h))[1]).toEqual([3, 4, 5, 15, 16, 17]);
    const other = await cut("float[n, 2] x, float[3, m] z", { z: range(3, 4) });
    expect(other.all[0].z.dims).toEqual([3, 2]);
    // A second target, such as that of a last state [layers, n, 3].
    const targets = ["labels", "last"];
    const states = await cut("float[n, 2] x", { last: range(2, 4, 3) }, 1, { targets });
    expect(numbers(states.all[1].last)).toEqual([3, 4, 5, 15, 16, 17]);
  });

  it("is found by inference if several axes have that size, and requested if inference is not enough", async () => {
    const given = npzOf({ memory: range(4, 4, 2), x, labels });
    const opened = async (body: string, more: object = { ort }) => {
      const model = await openModel(
        modelOfText(
          `<ir_version: 8, opset_import: ["" : 17]> net (float[t, b, 2] memory, float[a, 2] x) => (float[c, 2] out) { m = ReduceMean<axes = [0], keepdims = 0>(memory) ${body} }`,
        ),
      );
      return openDataset(given, model, { targets: ["labels"], ...more });
    };
    const [batch] = batches(await opened("out = Add(x, m)"), { ort, batchSize: 2 });
    expect([batch.memory.dims, batch.x.dims]).toEqual([
      [4, 2, 2],
      [2, 2],
    ]);
    const asks =
      /memory of the data may have its examples along axis 0 or 1; .*memory=0 or memory=1/;
    await expect(opened("out = Add(x, m)", {})).rejects.toThrow(asks);
    await expect(opened("n = ReduceMean<keepdims = 0>(m) out = Add(x, n)")).rejects.toThrow(asks);
  });

  it("is what --batch-axis says", async () => {
    const given = { x: range(4, 4) };
    const as = async (batchAxis: object, arrays = given) =>
      (await cut("float[a, b] x", arrays, 2, { batchAxis })).all[0].x.dims;
    expect(await as({})).toEqual([2, 4]);
    expect(await as({ x: 1 })).toEqual([4, 2]);
    expect(await as({ x: null })).toEqual([4, 4]);
    await expect(as({ y: 1 })).rejects.toThrow(/--batch-axis names y, .*these are x, labels/);
    await expect(as({ x: 2 })).rejects.toThrow(/\[4, 4\], without an axis 2 for the examples/);
    await expect(as({ x: 1, labels: 0 }, { x: range(4, 3) })).rejects.toThrow(
      /examples along axis/,
    );
  });
});

describe("one value for all rows is constant", () => {
  it.each<[string, string, NpyArray, readonly number[]]>([
    ["of fixed size", "int64[1] t", ints([3], 1), [1]],
    ["given as a scalar", "int64[1] t", ints([3]), [1]],
    ["of no dimension", "int64 t", ints([3]), []],
    ["of no dimension, given as a vector", "int64 t", ints([3], 1), []],
    ["given for each row", "int64[1] t", ints([3, 3, 3, 3], 4), [1]],
    ["of no dimension, given for each row", "int64 t", ints([3, 3, 3, 3], 4), []],
    ["a matrix", "int64[2, 2] t", ints([1, 2, 3, 4], 2, 2), [2, 2]],
    ["a matrix with as many rows as there are", "int64[4, 1] t", ints([1, 2, 3, 4], 4, 1), [4, 1]],
    ["the first of a row", "int64[1, 2] t", ints([1, 2], 1, 2), [1, 2]],
    ["empty", "int64[1, p] t", ints([], 1, 0), [1, 0]],
  ])("%s", async (_, input, t, dims) => {
    const { data, all } = await cut(`float[n, 2] x, ${input}`, { t }, 3);
    expect(data.batchSize).toBe(null);
    expect(all.map((batch) => [batch.x.dims[0], batch.t.dims])).toEqual([
      [3, dims],
      [1, dims],
    ]);
    const count = dims.reduce((a, b) => a * b, 1);
    expect(numbers(all[0].t)).toEqual(Array.from(t[0], Number).slice(0, count));
  });

  it("or is repeated if the model has an axis for it", async () => {
    const inputs = "float[n, 2] x, float[2, n, 1] h, float[n] t";
    const { data, all } = await cut(inputs, { h: range(2, 1, 1), t: range() }, 3);
    expect(all.map(({ h, t }) => [h.dims, t.dims])).toEqual([
      [[2, 3, 1], [3]],
      [[2, 1, 1], [1]],
    ]);
    expect(numbers(all[0].h)).toEqual([0, 0, 0, 1, 1, 1]);
    expect(data.notes).toEqual([
      "array h of the data has one row, which is taken for every example.",
      "array t of the data has one row, which is taken for every example.",
    ]);
  });

  it("and each row is a batch of its own if values differ", async () => {
    const { data, all } = await cut("float[n, 2] x, int64[1] t", { t: ints([1, 2, 3, 4], 4) }, 1);
    expect(data.batchSize).toBe(1);
    expect(all.map(({ t }) => numbers(t))).toEqual([[1], [2], [3], [4]]);
    expect(data.notes[0]).toMatch(/input t takes one value for a whole batch.*--batch-size 1/);
  });

  it("by two inferences, if its first dimension is free but not that of the batch", async () => {
    const model = await modelWith(
      "float[n, 2] x, float[p, 2] points",
      "t = Transpose(points) d = MatMul(x, t) s = ReduceSum<keepdims = 0>(d) z = Shape(d) y = Shape<start = 0, end = 1>(x) c = Cast<to = 7>(s) out = Add(y, c)",
    );
    const given = npzOf({ x, labels, points: range(3, 2) });
    const opened = (more: object) => openDataset(given, model, { targets: ["labels"], ...more });
    const [batch] = batches(await opened({ ort }), { ort, batchSize: 2 });
    expect(batch.points.dims).toEqual([3, 2]);
    await expect(opened({})).rejects.toThrow(/points .* has 3 rows, but there are 4 .*points=none/);
    const tied = await modelWith("float[n, 2] x, float[p, 2] z", "s = Add(x, z) out = Shape(s)");
    const wrong = openDataset(npzOf({ x, labels, z: range(3, 2) }), tied, {
      targets: ["labels"],
      ort,
    });
    await expect(wrong).rejects.toThrow(/z of the data has 3 rows, but there are 4/);
  });
});

describe("arrays of another type are cast, and a note says so", () => {
  const typed: [string, NpyArray, string, number[]][] = [
    ["float[n] t", [Float64Array.of(0.1, 2, 3, 4), [4]], "is double and is cast to float", [0.1]],
    ["float16[n] t", [Float32Array.of(1, 2, 3, 4), [4]], "is float and is cast to float16", []],
    ["int32[n] t", ints([1, -2, 3, 4], 4), "is int64 and is cast to int32", [1]],
    ["uint8[n] t", ints([1, 255, 3, 4], 4), "is int64 and is cast to uint8", [1]],
    ["bool[n] t", ints([1, 0, 1, 0], 4), "is int64 and is cast to bool", [1]],
    ["int64[n] t", [Int32Array.of(1, 2, 3, 4), [4]], "is int32 and is taken as int64", [1]],
  ];
  it.each(typed)("%s", async (input, t, note, [first]) => {
    const { data, all } = await cut(`float[n, 2] x, ${input}`, { t });
    expect(data.notes).toEqual([`array t of the data ${note}.`]);
    if (first !== undefined) expect(numbers(all[0].t)[0]).toBeCloseTo(first, 7);
  });

  it.each<[string, NpyArray, RegExp]>([
    ["int32[n] t", ints([1, 2, 2 ** 31, 4], 4), /holds 2147483648 in row 2 .*int32/],
    ["uint8[n] t", ints([1, 2, 3, -1], 4), /holds -1 in row 3 .*uint8/],
    ["bool[n] t", ints([1, 2, 0, 0], 4), /holds 2 in row 1 .*bool/],
    ["float16[n] t", [Float32Array.of(1, 65536, 3, 4), [4]], /holds 65536 in row 1 .*float16/],
    ["float[n] t", ints([1, 2, 3, 4], 4), /is int64, and float is expected/],
    ["int64[n] t", [Float32Array.of(1, 2, 3, 4), [4]], /is float, and int64 is expected/],
  ])("but nothing is lost: %s", async (input, t, why) => {
    await expect(cut(`float[n, 2] x, ${input}`, { t })).rejects.toThrow(why);
  });
});

/** Losses of the first pass, of the same formulas in float64 with PyTorch. */
const CASES = [
  ["one-value-input", "one-value-input", "mse", 1.572419119123098],
  ["one-value-input", "one-value-input-per-row", "mse", 1.572419119123098],
  ["state-input", "state-input", "cross-entropy", 1.078490882302534],
] as const;

describe("models with such inputs are trained", () => {
  it.each(CASES)("%s with %s.npz", async (name, data, loss, wanted) => {
    const model = await openModel(path.join(cases, `${name}.onnx`));
    const { history } = await tune(model, {
      ort,
      data: path.join(cases, `${data}.npz`),
      loss,
      target: "labels",
      output: "y",
      train: ["o.bias"],
      epochs: 1,
      threads: 1,
    });
    expect(history.steps).toHaveLength(1);
    expect(history.steps[0].loss).toBeCloseTo(wanted, 5);
  });

  it("also behind a Loop, whose outputs have no sizes until its iterations are written out", async () => {
    const fitted = async (steps: string, bound: string) => {
      const model = await openModel(
        modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
net (float[n, 2] x${steps}) => (float[n, 2] y) <float w = {2}, bool yes = {1}${bound}>
{ [again] y = Loop<body = b (int64 i, bool c, float[n, 2] s) => (bool d, float[n, 2] t) { d = Identity(c) t = Mul(s, w) }>(steps, yes, x) }`),
      );
      const target: NpyArray = [new Float32Array(8), [4, 2]];
      const data = npzOf({ x, target, steps: ints([3]) });
      const options = { loss: "mse", target: "target", train: ["w"], epochs: 2, lr: 0.5 } as const;
      return tune(model, {
        ort,
        data,
        ...options,
        optimizerOptions: { weightDecay: 0 },
        threads: 1,
      });
    };
    // Three iterations make 2³ x, and 1.5³ x after the first step of AdamW, which is as long as lr.
    const square = (0 + 1 + 4 + 9 + 16 + 25 + 36 + 49) / 8;
    for (const [input, constant] of [
      ["", ", int64 steps = {3}"],
      [", int64 steps", ""],
    ]) {
      const { history } = await fitted(input, constant);
      expect(history.steps[0].loss).toBeCloseTo(64 * square, 2);
      expect(history.steps[1].loss).toBeCloseTo(1.5 ** 6 * square, 2);
    }
  });

  it("also behind a Loop that a condition ends, which collects as much as it runs", async () => {
    const model = await openModel(
      modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
net (float[n, 2] x) => (float[n, 2] y) <float w = {2}, float most = {20}, bool yes = {1}, int64[1] front = {0}>
{ last, all = Loop<body = b (int64 i, bool c, float[n, 2] s) => (bool d, float[n, 2] t, float[n, 2] u) {
    t = Mul(s, w) u = Identity(t) m = ReduceMax <keepdims = 0> (t) d = Less(m, most) }>("", yes, x)
  y = ReduceSum <keepdims = 0> (all, front) }`),
    );
    const target: NpyArray = [new Float32Array(8), [4, 2]];
    const { history } = await tune(model, {
      ort,
      data: npzOf({ x: range(4, 2), target }),
      ...({ loss: "mse", target: "target", train: ["w"], epochs: 2, lr: 0.5 } as const),
      optimizerOptions: { weightDecay: 0 },
      threads: 1,
    });
    // 2 · 7 and 4 · 7 pass 20 at the second iteration; 1.5 · 7, 1.5² · 7 and 1.5³ · 7 at the third.
    const square = (0 + 1 + 4 + 9 + 16 + 25 + 36 + 49) / 8;
    expect(history.steps[0].loss / square).toBeCloseTo((2 + 4) ** 2, 2);
    expect(history.steps[1].loss / square).toBeCloseTo((1.5 + 1.5 ** 2 + 1.5 ** 3) ** 2, 2);
  });

  it("to the losses that NumPy gives in float64", async () => {
    const model = await openModel(
      modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
net (float[n, 3] x, float[2, n, 3] h, float scale) => (float[n, 1] y)
<float[3, 1] w = {0.5, -0.25, 0.125}, int64[1] axes = {0}>
{ s = ReduceSum<keepdims = 0>(h, axes) t = Add(x, s) u = Mul(t, scale) y = MatMul(u, w) }`),
    );
    const data = npzOf({
      x: range(4, 3),
      h: [Float64Array.from({ length: 24 }, (_, k) => k / 4), [2, 4, 3]],
      scale: [Float64Array.of(0.5), []],
      target: [Float32Array.of(1, 2, 3, 4), [4, 1]],
    });
    const notes: string[] = [];
    const { history } = await tune(model, {
      ort,
      data,
      loss: "mse",
      target: "target",
      train: ["w"],
      batchSize: 2,
      epochs: 1,
      shuffle: false,
      optimizer: "sgd",
      lr: 1e-2,
      optimizerOptions: { momentum: 0, weightDecay: 0, clip: 0 },
      threads: 1,
      onNote: (note) => notes.push(note),
    });
    expect(notes).toEqual([
      expect.stringContaining("h of the data is double and is cast to float"),
      expect.stringContaining("scale of the data is double and is cast to float"),
    ]);
    // y = 0.5 (x + h[0] + h[1]) w, mean of (y - target)², one step of w -= 0.01 dw between.
    for (const [k, { loss }] of history.steps.entries()) expect(loss).toBeCloseTo(NUMPY[k], 5);
  });
});

const NUMPY = [0.27197265625, 0.004283723449707051];
