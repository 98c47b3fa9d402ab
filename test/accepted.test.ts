import { laurelize, openModel, prove } from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { made } from "./support/checks.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { watchedRuns } from "./support/session.ts";

/** A residual block, and an operator behind it that takes a further input of the model. */
const model = (input: string, after: string, output: string, weights = "") =>
  modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
  g (float[1, 3, 8, 8] x, ${input}) => (${output})
  <float[3, 3, 1, 1] w${weights && `, ${weights}`}>
  { h = Relu(x) f = Conv(h, w) [one] y = Add(x, f) ${after} }`);

describe("random inputs", () => {
  it.each([
    ["Pad", model("int64[8] pads", "out = Pad(y, pads)", "float[A, B, C, D] out")],
    ["Tile", model("int64[4] times", "out = Tile(y, times)", "float[A, B, C, D] out")],
    ["TopK", model("int64[1] k", "out, i = TopK(y, k)", "float[A, B, C, D] out")],
    ["Clip", model("float low, float high", "out = Clip(y, low, high)", "float[1, 3, 8, 8] out")],
    [
      "Range",
      model(
        "int64 n",
        "r = Range(zero, n, step) c = Cast<to = 1>(r) m = ReduceMean<keepdims = 0>(c) out = Mul(y, m)",
        "float[1, 3, 8, 8] out",
        "int64 zero = {0}, int64 step = {1}",
      ),
    ],
    ["CumSum", model("int64 axis", "out = CumSum(y, axis)", "float[1, 3, 8, 8] out")],
    ["Resize", model("float[4] scales", 'out = Resize(y, "", scales)', "float[A, B, C, D] out")],
    [
      "Identity and Pad",
      model("int32[8] p", "pads = Cast<to = 7>(p) out = Pad(y, pads)", "float[A, B, C, D] out"),
    ],
    [
      "TopK and GRU",
      model(
        "int64[2] lengths",
        `sorted, order = TopK(lengths, two) short = Cast<to = 6>(sorted)
         t = Reshape(y, steps) all, last = GRU<hidden_size = 4>(t, gates, states, "", short)
         out = Identity(last)`,
        "float[1, 2, 4] out",
        "int64[1] two = {2}, int64[3] steps = {8, 2, 12}, float[1, 12, 12] gates, float[1, 12, 4] states",
      ),
    ],
  ])("are such as the operator accepts: %s", async (_, bytes) => {
    const laurel = await laurelize(await openModel(bytes), { ort, variant: "rw" });
    const proof = await prove(laurel, { ort });
    expect(proof.passed).toBe(true);
  });

  it.each([
    [
      "a length that a later message names",
      "float[1, B, 3] z",
      "t = Gather<axis = 1>(z, index) out = Reshape(z, shape)",
      "int64 index = {11}, int64[2] shape = {12, 3}",
    ],
    ["a batch of two", "float[A, 3] z", "out = Reshape(z, shape)", "int64[3] shape = {2, -1, 3}"],
    [
      "a batch of one input alone",
      "float[A, 3] z, float[A, 5] v",
      "t = Reshape(v, one) out = Reshape(z, four)",
      "int64[2] one = {1, 5}, int64[2] four = {4, 3}",
    ],
    [
      "those of another input",
      "float[P, Q, R, S] z",
      "size = Shape(z) t = Reshape(y, size) out = Flatten(t)",
      "int64[1] idle = {0}",
    ],
  ])("have sizes that a trace fixed: %s", async (_, input, after, weights) => {
    const bytes = model(input, after, "float[A, B, C, D] y, float[E, F] out", weights);
    const laurel = await laurelize(await openModel(bytes), { ort, variant: "rw" });
    expect((await prove(laurel, { ort })).passed).toBe(true);
  });

  it("are limits within the numbers of the table that they limit", async () => {
    const after = `above = GreaterOrEqual(table, low) below = LessOrEqual(table, high)
      inside = And(above, below) c = Cast<to = 1>(inside) m = ReduceMax<keepdims = 0>(c)
      out = Mul(y, m)`;
    const table = "float[4] table = {50.0, 120.0, 700.0, 1500.0}";
    const bytes = model("float low, float high", after, "float[1, 3, 8, 8] out", table);
    const laurel = await laurelize(await openModel(bytes), { ort, variant: "rw" });
    const proof = await prove(laurel, { ort });
    expect([proof.passed, made("same function", proof).beside]).toEqual([true, undefined]);
  });

  it("are ascending, or few, before they are zeros, which would hide the sum here", async () => {
    const table = "int64[1] first = {0}, float[9, 1] table, int64[1] all = {-1}";
    const ends = `p, q = Split<axis = 1>(z) d = Sub(q, p) least = ReduceMin<keepdims = 0>(d)
      n = Reshape(least, all) r = ConstantOfShape(n) most = ReduceMax<keepdims = 0>(d)
      c = Cast<to = 1>(most) out = Mul(y, c)`;
    const near = `p, q = Split<axis = 1>(z) d = Sub(q, p) g = Gather(table, d) a = Abs(d)
      most = ReduceMax<keepdims = 0>(a) c = Cast<to = 1>(most) out = Mul(y, c)`;
    for (const after of [ends, near]) {
      const bytes = model("int64[8, 2] z", after, "float[1, 3, 8, 8] out", table);
      const laurel = await laurelize(await openModel(bytes), { ort, variant: "rw" });
      expect((await prove(laurel, { ort })).passed).toBe(true);
    }
  });

  it("that do not exist are refused with the inputs at fault, and how to give others", async () => {
    const shape = "int64[2] five = {1, 5}";
    const bytes = model("float[A, 3] z", "out = Reshape(z, five)", "float[1, 5] out", shape);
    const laurel = await laurelize(await openModel(bytes), { ort, variant: "rw" });
    await expect(prove(laurel, { ort })).rejects.toThrow(
      /this node is computed from z \(float \[A, 3\]\)\); give real inputs with --inputs, an \.npz with the arrays x \(float \[1, 3, 8, 8\]\), z \(float \[A, 3\]\)/,
    );
  });

  it("cannot be found for parts with the sizes of a trace, and the error says so", async () => {
    const parts = "int64[2] parts = {1000, 2000}";
    const after = `above = Greater(z, zero) at = NonZero(above) p, q = Split<axis = 1>(at, parts)
      out = Cast<to = 1>(p)`;
    const bytes = model("float[4] z", after, "float[1, 1000] out", `${parts}, float zero = {0.0}`);
    const laurel = await laurelize(await openModel(bytes), { ort, variant: "rw" });
    await expect(prove(laurel, { ort })).rejects.toThrow("the file states the sizes of the parts");
  });

  it("are small in each of three free dimensions, where an image's size would exhaust memory", async () => {
    const bytes = modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
      g (float[1, 3, T, H, W] x) => (float[1, 3, T, H, W] y) <float[3, 3, 1, 1, 1] w>
      { h = Relu(x) f = Conv(h, w) [one] y = Add(x, f) }`);
    const laurel = await laurelize(await openModel(bytes), { ort, variant: "rw" });
    const { checks, passed } = await prove(laurel, { ort });
    const dims = checks.flatMap((check) => ("dims" in check ? [check.dims] : []));
    expect([passed, dims]).toEqual([true, [{ T: 32, H: 32, W: 32 }]]);
  });

  it("do not take a size from a message if three of them would exhaust memory", async () => {
    const bytes = modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
      g (float[1, 3, T, H, W] x) => (float[3, 256, 16] y)
      <float[16, 16] w, int64[3] shape = {3, 256, 16}>
      { r = Reshape(x, shape) h = Relu(r) f = MatMul(h, w) [one] y = Add(r, f) }`);
    const laurel = await laurelize(await openModel(bytes), { ort, variant: "rw" });
    let largest = 0;
    const watched = watchedRuns((feeds) => {
      for (const { size } of Object.values(feeds)) largest = Math.max(largest, size);
    });
    const { checks, passed } = await prove(laurel, { ort: watched });
    const dims = checks.flatMap((check) => ("dims" in check ? [check.dims] : []));
    expect([passed, dims]).toEqual([true, [{ T: 16, H: 16, W: 16 }]]);
    expect(largest).toBeLessThanOrEqual(3 * 32 ** 3);
  });

  /** The inputs of all runs of a proof. */
  async function inputsOf(bytes: Uint8Array) {
    const runs: Record<string, ort.Tensor>[] = [];
    const laurel = await laurelize(await openModel(bytes), { ort, variant: "rw" });
    await prove(laurel, { ort: watchedRuns((feeds) => runs.push(feeds)) });
    return runs;
  }

  it("are around 1 in a setting, such as a speed that divides a length", async () => {
    const after = "l = Div(long, speed) n = Cast<to = 7>(l) out = Tile(y, n)";
    const long = "float[4] long = {1, 1, 1, 2}";
    const runs = await inputsOf(model("float[1] speed", after, "float[A, B, C, D] out", long));
    const speeds = runs.flatMap(({ speed }) => (speed ? [...(speed.data as Float32Array)] : []));
    expect(speeds.length).toBeGreaterThan(2);
    expect(Math.min(...speeds)).toBeGreaterThanOrEqual(0.5);
    expect(Math.max(...speeds)).toBeLessThan(1.5);
    const features = runs.flatMap(({ x }) => (x ? [...(x.data as Float32Array)] : []));
    expect(Math.min(...features)).toBeLessThan(-1);
  });

  it.each([
    ["a mask has the length of what it masks", "float[B, T] keep, float[B, T, 8] x", [1, 8]],
    ["sound is a quarter of a second", "float[B, S] keep, float[B, T, 8] x", [1, 4000]],
  ])("are of usual sizes: %s", async (_, inputs, dims) => {
    const bytes = modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
      g (${inputs}) => (float[B, T, 8] y, float[B] k) <float[8, 8] w, int64[1] last = {1}>
      { h = Relu(x) f = MatMul(h, w) [one] y = Add(x, f) k = ReduceSum<keepdims = 0>(keep, last) }`);
    const shapes = (await inputsOf(bytes)).flatMap(({ keep }) => (keep ? [keep.dims] : []));
    expect(new Set(shapes.map(String))).toEqual(new Set([String(dims)]));
  });
});
