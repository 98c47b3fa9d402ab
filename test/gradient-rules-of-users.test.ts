import {
  differentiate,
  type GradientRule,
  InputError,
  laurelize,
  openModel,
  type Tensors,
  fit as train,
} from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { uniform } from "../src/graph/random.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { sessionOn } from "./support/session.ts";

const header = `<ir_version: 8, opset_import: ["" : 17, "own" : 1, "com.microsoft" : 1]>`;
const open = (text: string) => openModel(modelOfText(`${header} ${text}`));

const floats = (name: string, ...dims: number[]) => {
  const next = uniform(3, name);
  const count = dims.reduce((a, b) => a * b, 1);
  return new ort.Tensor(
    "float32",
    Float32Array.from({ length: count }, () => 2 * next() - 1),
    dims,
  );
};

async function gradients(
  text: string,
  options: { wrt: string[]; rules?: Record<string, GradientRule> },
  feeds: Tensors,
): Promise<number[][]> {
  const { model, gradients: names } = await differentiate(await open(text), { ort, ...options });
  const session = await sessionOn(model.toBytes());
  const outputs = await session.run(feeds);
  return options.wrt.map((name) => Array.from(outputs[names[name]!].data as Float32Array));
}

const CALL = `g (float[3, 4] x) => (float[3, 2] y) <float[4, 4] a, float[4, 2] b>
  { h = own.Cube(x, a) y = MatMul(h, b) }
  <domain: "own", opset_import: ["" : 17]> Cube (t, w) => (r) { u = MatMul(t, w) v = Mul(u, u) r = Mul(u, v) }`;

/** 3 (t w)² g, times the other operand. */
const cube: GradientRule = ({ op, g, scalar }, t, w) => {
  const u = op.MatMul(t, w);
  const inner = op.Mul(op.Mul(g, scalar(3)), op.Mul(u, u));
  const turned = (v: string) => op.Transpose(v, { perm: [1, 0] });
  return [op.MatMul(inner, turned(w)), op.MatMul(turned(t), inner)];
};

/** det x · x⁻ᵀ, by an operator of another domain. */
const det: GradientRule = ({ op, write, g, y, node, shape }, x) => {
  const [inverse] = node("com.microsoft.Inverse", [x]);
  const rank = shape(0).length;
  const perm = rank === 2 ? [1, 0] : [0, 2, 1];
  const factor = op.Mul(g, y);
  const wide = rank === 2 ? factor : write.unsqueeze(factor, [1, 2]);
  return [op.Mul(wide, op.Transpose(inverse, { perm }))];
};

const straight: GradientRule = ({ g }) => [g];

describe("a gradient rule of the user's own", () => {
  it("replaces a function of the model, which is not lowered", async () => {
    const feeds = { x: floats("x", 3, 4), "y.cotangent": floats("g", 3, 2) };
    const wrt = ["a", "b", "x"];
    const [own, inside] = [
      await gradients(CALL, { wrt, rules: { "own.Cube": cube } }, feeds),
      await gradients(CALL, { wrt }, feeds),
    ];
    for (const [k, one] of own.entries())
      for (const [i, value] of one.entries()) expect(value).toBeCloseTo(inside[k][i], 5);
    const { model } = await differentiate(await open(CALL), {
      ort,
      wrt,
      rules: { "own.Cube": cube },
    });
    expect(model.graph.main.nodes.map(({ op }) => op)).toContain("own.Cube");
  });

  it("writes any operator: Det by Inverse, against differences", async () => {
    const text = "g (float[3, 3] x) => (float y) { y = Det(x) }";
    const x = floats("matrix", 3, 3);
    const [exact] = await gradients(text, { wrt: ["x"], rules: { Det: det } }, { x });
    const session = await sessionOn(modelOfText(`${header} ${text}`));
    const step = 2 ** -6;
    for (const [k, value] of exact.entries()) {
      const moved = async (by: number) => {
        const data = Float32Array.from(x.data as Float32Array, (v, i) => (i === k ? v + by : v));
        const outputs = await session.run({ x: new ort.Tensor("float32", data, [3, 3]) });
        return Number(outputs.y.data[0]);
      };
      // Exact for a determinant, which is linear in each element.
      expect((await moved(step)) - (await moved(-step))).toBeCloseTo(2 * step * value, 6);
    }
  });

  it("comes before a built-in one, also inside an activation that is written out", async () => {
    const text =
      "g (float[4] x) => (float[4] y) { r = Round(x) s = Sigmoid(r) m = Mul(r, s) y = Neg(m) }";
    const feeds = { x: floats("x", 4), "y.cotangent": floats("g", 4) };
    const rules = { Round: straight, Sigmoid: (() => [null]) as GradientRule };
    const [got] = await gradients(text, { wrt: ["x"], rules }, feeds);
    const seeds = feeds["y.cotangent"].data as Float32Array;
    const rounded = Array.from(feeds.x.data as Float32Array, Math.round);
    for (const [k, value] of got.entries())
      expect(value).toBeCloseTo(-seeds[k] / (1 + Math.exp(-rounded[k])), 6);
  });

  it("names the operator whose sizes are not known, or the free dimensions", async () => {
    const warped = await open(
      "g (float[N, 3] x) => (float[N, 2] y) <float[3, 4] a, float[4, 2] b> { h = MatMul(x, a) [warp] w = own.Warp(h) y = MatMul(w, b) }",
    );
    const refusal = (dims: Record<string, number>) =>
      differentiate(warped, { ort, wrt: ["a"], rules: { "own.Warp": straight }, dims });
    await expect(refusal({ N: 2 })).rejects.toThrow(
      /needs all sizes; onnxruntime does not infer the sizes of what own\.Warp at warp writes; state them/,
    );
    await expect(refusal({})).rejects.toThrow(/give sizes for the free dimensions/);
  });

  it("trains through fit, which refuses without it", async () => {
    const original = await open(
      "g (float[N, 4] x) => (float[N] y) <float[4, 4] w, int64[3] two = {-1, 2, 2}> { h = MatMul(x, w) f = Relu(h) b = MatMul(f, w) s = Add(x, b) e = com.microsoft.SampleOp(s) m = Reshape(e, two) y = Det(m) }",
    );
    const { model } = await laurelize(original, { ort, variant: "rw", featureAxis: 1 });
    const batch = { x: floats("data", 8, 4), t: floats("targets", 8) };
    const options = {
      ort,
      data: [batch],
      loss: "mse",
      target: "t",
      lr: 0.05,
    } as const;
    await expect(train(model, { ...options, epochs: 1 })).rejects.toMatchObject({
      code: "no-gradient",
    });
    const rules: Record<string, GradientRule> = {
      Det: det,
      "com.microsoft.SampleOp": ({ g }) => [g],
    };
    const { history } = await train(model, { ...options, epochs: 5, rules });
    const losses = history.epochs.map((epoch) => epoch.train.loss);
    expect(losses.at(-1)!).toBeLessThan(losses[0] * 0.9);
  });
});

describe("a rule that does not fit is refused in a sentence", () => {
  const text =
    "g (float[3, 4] x) => (float[3, 4] y) <float[4, 4] w> { h = MatMul(x, w) [r] y = Round(h) }";
  it.each<[string, unknown, RegExp]>([
    [
      "a rule that is not a function",
      "straight",
      /^option rules of differentiate must be an object of functions; it is an object\.$/,
    ],
    [
      "no list",
      () => "g",
      /^the rule for Round at r must return a list with a cotangent or null for each input; it returned "g"\.$/,
    ],
    [
      "too many",
      ({ g }: { g: string }) => [g, g],
      /^the rule for Round at r returned 2 cotangents for 1 inputs\.$/,
    ],
    [
      "numbers",
      () => [1],
      /^the rule for Round at r must return names of values or null; it returned 1\.$/,
    ],
    [
      "a name of nothing",
      () => ["nothing"],
      /^the rule for Round at r returned nothing, which it did not write\.$/,
    ],
    [
      "another shape",
      ({ write, g }: Parameters<GradientRule>[0]) => [write.reduce("ReduceSum", g, [0])],
      /^the rule for Round at r gives float\[1, 4\] for input h, which is float\[3, 4\]\.$/,
    ],
  ])("%s", async (_, rule, sentence) => {
    const rules = { Round: rule } as Record<string, GradientRule>;
    const failure = await differentiate(await open(text), { ort, wrt: ["w"], rules }).catch(
      (error) => error,
    );
    expect(failure.message).toMatch(sentence);
    expect(failure instanceof InputError || failure instanceof TypeError).toBe(true);
  });
});
