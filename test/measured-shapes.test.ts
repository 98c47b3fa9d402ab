import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { findResiduals, laurelize, openModel, prove } from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { typesOf } from "../src/model.ts";
import { bin } from "./support/cli.ts";
import { temporaryFolder } from "./support/fixture.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { watchedRuns } from "./support/session.ts";

/** A dense layer as Keras writes it: in rows, by shapes that are known only at run time. */
const dense = (x: string, y: string, w: string, size: number) => `
  ${y}s = Shape(${x}) ${y}n = Constant<value_ints = [${size}]>() ${y}r = Constant<value_ints = [-1, 8]>()
  ${y}l = Compress<axis = 0>(${y}s, leading) ${y}t = Concat<axis = 0>(${y}l, ${y}n)
  ${y}f = Reshape(${x}, ${y}r) ${y}m = MatMul(${y}f, ${w}) ${y} = Reshape(${y}m, ${y}t)`;

const block = (input: string, more = "") =>
  modelOfText(`<ir_version: 8, opset_import: ["" : 13]>
  g (float${input} x) => (float[] y)
  <bool[3] leading = {1, 1, 0}, float[8, 8] w, float[8, 8] v, float[8, 8] e>
  { ${dense("x", "x0", "e", 8)} ${dense("x0", "h", "w", 8)} k = Relu(h)
    ${dense("k", "f", "v", 8)} [res] y = Add(x0, f) ${more} }`);

describe("sizes that inference loses", () => {
  it.each([
    ["named", "[N, T, 8]", ["N", "T", 8]],
    ["unnamed", "[?, ?, 8]", ["", "", 8]],
    ["fixed", "[2, 5, 8]", [2, 5, 8]],
  ])("are measured in a run: %s", async (_, input, shape) => {
    const model = await openModel(block(input));
    const { types, warnings } = await typesOf(model, ort);
    const shapes = Object.fromEntries([...types].map(([{ name }, type]) => [name, type.shape]));
    expect(shapes).toMatchObject({ h: shape, f: shape, y: shape });
    expect(warnings).toEqual([]);
    const { sites } = await findResiduals(model, { ort });
    expect(sites.map(({ name, feature }) => [name, feature.axis, feature.size])).toEqual([
      ["res", 2, 8],
    ]);
    const { passed } = await prove(await laurelize(model, { ort, rank: 2 }), { ort });
    expect(passed).toBe(true);
  });

  it("stay unknown if the data decides on them", async () => {
    const model = await openModel(
      modelOfText(`<ir_version: 8, opset_import: ["" : 13]>
      g (float[64] x) => (float[] y) <float[1] one = {1.0}>
      { s = Sign(x) k = Relu(s) n = NonZero(k) c = Cast<to = 1>(n) t = Tanh(c) y = Add(c, t) }`),
    );
    const { types } = await typesOf(model, ort);
    const shapes = Object.fromEntries([...types].map(([{ name }, type]) => [name, type.shape]));
    expect(shapes.y).toEqual([1, ""]);
  });

  it("stay unknown, without a warning, if the model does not run", async () => {
    // 343 elements are none of [N, T, 8].
    const never = "bad = Constant<value_ints = [7, 7, 7]>() no = Reshape(x, bad)";
    const model = await openModel(block("[N, T, 8]", never));
    const { types, warnings } = await typesOf(model, ort);
    const shapes = Object.fromEntries([...types].map(([{ name }, type]) => [name, type.shape]));
    expect([shapes.h ?? null, warnings]).toEqual([null, []]);
  });

  it("are measured without holding all values at once", () => {
    const names = Array.from({ length: 101 }, (_, k) => `v${k}`);
    const chain = names.slice(1).map((name, k) => `${name} = Neg(${names[k]})`);
    const folder = temporaryFolder();
    const model = path.join(folder, "chain.onnx");
    const text = `<ir_version: 8, opset_import: ["" : 13]>
      g (float[1024, 1024] x) => (float[] y) <bool[2] both = {1, 1}>
      { s = Shape(x) t = Compress<axis = 0>(s, both) v0 = Reshape(x, t) ${chain.join(" ")} y = Add(v0, v100) }`;
    fs.writeFileSync(model, modelOfText(text));
    const peak = path.join(folder, "peak");
    const preload = path.join(import.meta.dirname, "bench/peak.cjs");
    spawnSync(process.execPath, ["--require", preload, bin, "inspect", model], {
      env: { ...process.env, PEAK_FILE: peak },
    });
    const megabytes = Number(fs.readFileSync(peak, "utf8")) / 1024;
    // All values take 420 MB.
    expect(megabytes).toBeLessThan(300);
  });

  it("are not measured on twice the size of sound that a model compares with itself", async () => {
    const bytes = modelOfText(`<ir_version: 8, opset_import: ["" : 13]>
      g (float[B, S] x) => (float[] y) <int64[2] column = {-1, 1}, int64[2] row = {1, -1}, bool[2] both = {1, 1}>
      { s = Shape(x) t = Compress<axis = 0>(s, both) r = Reshape(x, t) c = Reshape(r, column) d = Reshape(r, row)
        m = MatMul(c, d) p = Concat<axis = 0>(m, m) q = Relu(p) y = Add(p, q) }`);
    const sizes: number[] = [];
    await findResiduals(await openModel(bytes), {
      ort: watchedRuns(({ x }) => sizes.push(x.size)),
    });
    expect(sizes).toEqual([4000]);
  });
});
