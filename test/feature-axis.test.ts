import fs from "node:fs";
import path from "node:path";
import { type FeatureAxis, findResiduals, laurelize, openModel, prove, strip } from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { checksThat } from "./support/checks.ts";
import { cli } from "./support/cli.ts";
import { fixture, temporaryFolder } from "./support/fixture.ts";
import { modelOfText } from "./support/onnx-text.ts";

const folder = temporaryFolder();

/** Two sums of rank 3, y1 and y2, both with features last: [N, 6, 8]. */
const mixer = fixture("mlp-mixer");
const axes = async (featureAxis: FeatureAxis) => {
  const { sites } = await findResiduals(await openModel(mixer), { ort, featureAxis });
  return sites.map(({ name, feature }) => `${name} ${feature.axis} ${feature.size}`);
};

describe("a feature axis that the user names", () => {
  it("holds for every site, or for those whose name matches a pattern", async () => {
    expect(await axes(1)).toEqual(["y1 1 6", "y2 1 6"]);
    expect(await axes(-1)).toEqual(["y1 2 8", "y2 2 8"]);
    expect(await axes({ y1: 1 })).toEqual(["y1 1 6", "y2 2 8"]);
    expect(await axes({ "y*": -2 })).toEqual(["y1 1 6", "y2 1 6"]);
    expect(await axes({ y2: 1, "y*": 2 })).toEqual(["y1 2 8", "y2 1 6"]);
  });

  it.each<[FeatureAxis, string]>([
    [7, "--feature-axis 7 is not an axis of any sum that it names: y1 has rank 3, [N, 6, 8]"],
    [{ "y*": -4 }, "its axes are 0 to 2, or -3 to -1"],
    [
      { "y*": 2, "layer.*": 1 },
      "the pattern layer.* of --feature-axis does not match any residual sum (",
    ],
    [1.5, "1.5 must be an integer"],
    [{ y1: Number.NaN }, "of y1 must be an integer"],
  ])("%j is refused with a sentence", async (given, sentence) => {
    await expect(axes(given)).rejects.toThrow(sentence);
  });

  it("that only some sums have leaves the others out, with the reason", async () => {
    const model = await openModel(fixture("tokens-in-one-axis"));
    const { sites } = await findResiduals(model, { ort, featureAxis: 1 });
    expect(sites.length).toBe(1);
    await expect(findResiduals(model, { ort, featureAxis: 2 })).rejects.toThrow(
      "has rank 2, [T, 8]",
    );
  });

  it("comes from the command line, is recorded, and is found again", async () => {
    const file = path.join(folder, "m.onnx");
    const result = path.join(folder, "o.onnx");
    fs.writeFileSync(file, mixer);
    const run = cli([file, "--feature-axis", "y1=1,y2=-1", "-o", result, "--json"]);
    expect(run.code).toBe(0);
    const { sites } = JSON.parse(run.stdout);
    expect(sites.map((site: { feature: { axis: number } }) => site.feature.axis)).toEqual([1, 2]);
    const { model, checked } = await strip(await openModel(result));
    expect(checked).toBe("whole");
    expect(Buffer.compare(model.toBytes(), mixer)).toBe(0);
    for (const [given, part] of [
      ["x", "must be an axis, such as 1 or -1, or patterns"],
      ["y1=1,y2", "must be an axis, such as 1 or -1, or patterns"],
      ["9", "is not an axis of any sum"],
    ]) {
      const refused = cli(["inspect", file, `--feature-axis=${given}`]);
      expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining(part)]);
    }
  });

  it("leaves the function as it was if positions are mixed and the size is free", async () => {
    for (const name of ["mixer-by-convolution", "mixer-scaled", "size-from-weights"]) {
      const laurel = await laurelize(await openModel(fixture(name)), { ort, rank: 2 });
      const dims = name === "size-from-weights" ? { C: 8 } : {};
      const proof = await prove(laurel, { ort, dims });
      expect([name, checksThat("failed", proof)]).toEqual([name, []]);
      expect(laurel.plan.sites.every(({ site }) => site.feature.size === 8)).toBe(true);
    }
  });

  it("is shown by the nearest norm, however much else reads the sum", async () => {
    const chain = (depth: number) =>
      Array.from({ length: depth }, (_, k) => `c${k + 1} = Relu(c${k})`).join(" ");
    const text = (last: string) => `<ir_version: 8, opset_import: ["" : 17]>
      g (float[2, 6, 8] x) => (float[2, 6, 8] out, float[2, 6, 8] c600)
      <float[48, 48] w, float[8] gamma, int64[2] flat = {2, 48}, int64[3] tokens = {2, 6, 8}>
      { a = Reshape(x, flat) h = Relu(a) m = MatMul(h, w) f = Reshape(m, tokens) y = Add(x, f)
        s = Mul(y, y) v = ReduceMean<axes = [-1]>(s) r = Sqrt(v) n = Div(y, r) ${last}
        c0 = Neg(y) ${chain(600)} }`;
    const found = async (last: string) =>
      findResiduals(await openModel(modelOfText(text(last))), { ort });
    const { sites } = await found("out = Mul(n, gamma)");
    expect(sites.map(({ feature }) => feature)).toEqual([{ axis: 2, size: 8 }]);
    const { rejected } = await found("out = Identity(n)");
    expect(rejected.map(({ output, code }) => `${output.name} ${code}`)).toEqual([
      "y noFeatureAxis",
    ]);
  });
});
