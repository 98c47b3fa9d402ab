import fs from "node:fs";
import path from "node:path";
import { findResiduals, laurelize, openModel, prove, strip } from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { made } from "./support/checks.ts";
import { corpus, fixture, temporaryFolder } from "./support/fixture.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { sessionOn } from "./support/session.ts";

const folder = temporaryFolder();
const models = corpus();
const open = (name: string) => openModel(path.join(models!, "models", `${name}.onnx`));

/** A model of the corpus as onnxruntime writes it after optimizing it. */
const optimizedOf = (name: string, level: Level) =>
  optimized(fs.readFileSync(path.join(models!, "models", `${name}.onnx`)), name, level);

type Level = "basic" | "extended" | "all";

/** A model as onnxruntime writes it after optimizing it. */
async function optimized(model: Uint8Array, name: string, level: Level) {
  const file = path.join(folder, `${name}.${level}.onnx`);
  const session = await sessionOn(model, {
    graphOptimizationLevel: level,
    optimizedModelFilePath: file,
    logSeverityLevel: 4,
  } as object);
  await session.release();
  return openModel(new Uint8Array(fs.readFileSync(file)));
}

/** Laurelizes, proves and strips; what was lowered and the check of that. */
async function proved(bytes: Uint8Array, options: { include?: string[] } = {}) {
  const model = await openModel(bytes);
  const laurel = await laurelize(model, { ort, ...options });
  const proof = await prove(laurel, { ort });
  expect(proof.checks.filter(({ outcome }) => outcome !== "passed")).toEqual([]);
  const back = await strip(laurel.model);
  expect(Buffer.compare(back.model.toBytes(), bytes)).toBe(0);
  expect(back.checked).toBe("whole");
  return { laurel, opening: made("same when lowered", proof) };
}

describe("sums beside integers", () => {
  it.for([
    "qdq-around-the-sum",
    "dynamic-quantization",
    "four-bit-branches",
    "weights-dequantized",
  ])("%s: weights in the stream's float type, proved and stripped", async (name) => {
    const bytes = fixture(name);
    const laurel = await laurelize(await openModel(bytes), { ort, rank: 4 });
    const { checks } = await prove(laurel, { ort });
    expect(checks.filter(({ outcome }) => outcome !== "passed")).toEqual([]);
    for (const { site, parameters } of laurel.plan.sites)
      for (const { dtype } of Object.values(parameters)) expect(dtype).toBe(site.dtype);
    const { model } = await strip(laurel.model);
    expect(Buffer.compare(model.toBytes(), bytes)).toBe(0);
  });
});

describe("sums inside fused nodes", () => {
  it("are lowered first, checked against the original, and stripped again", async () => {
    const { laurel, opening } = await proved(fixture("closed-sums"));
    expect(opening.nodes).toEqual([
      { name: "y", op: "com.microsoft.FusedConv", quanta: null },
      { name: "s", op: "com.microsoft.QLinearAdd", quanta: expect.any(Number) },
      { name: "z", op: "Gemm", quanta: null },
    ]);
    expect(Math.max(...opening.nodes.map(({ quanta }) => quanta ?? 0))).toBeLessThanOrEqual(1);
    expect(laurel.plan.sites.map(({ site }) => site.name)).toEqual(["y", "s", "z"]);
    const operators = laurel.model.graph.main.nodes.map(({ op }) => op);
    expect(operators).not.toContain("com.microsoft.QLinearAdd");
    expect(operators.filter((op) => op === "com.microsoft.FusedConv")).toHaveLength(1);
  });

  it("are lowered if no integers are, to the noise of both", async () => {
    const text = `<ir_version: 8, opset_import: ["" : 9, "com.microsoft" : 1]>
      net (float[N, 8] x) => (float[N, 8] y) <float[8, 8] w, float[8] c>
      { h = Gemm(x, w, c) r = Relu(h) y = Gemm<beta = 0.5>(r, w, x) }`;
    const { opening } = await proved(modelOfText(text));
    expect(opening.nodes).toEqual([{ name: "y", op: "Gemm", quanta: null }]);
    for (const { plain, noise, tolerance } of opening.outputs) {
      expect(tolerance).toBeGreaterThanOrEqual(4 * noise);
      expect(plain.absolute).toBeLessThanOrEqual(tolerance);
    }
  });

  it("are lowered only at chosen sites", async () => {
    const { laurel, opening } = await proved(fixture("closed-sums"), { include: ["y"] });
    expect(opening.nodes.map(({ name }) => name)).toEqual(["y"]);
    expect(laurel.found.sites.map(({ name }) => name)).toEqual(["y", "s", "z"]);
    expect(laurel.plan.sites.map(({ site }) => site.name)).toEqual(["y"]);
    const model = await openModel(fixture("closed-sums"));
    const { plan, lowered } = await laurelize(model, { ort, every: 2 });
    expect(plan.sites.map(({ site }) => site.name)).toEqual(["y", "z"]);
    expect(lowered.nodes.map(({ message }) => message.outputs[0])).toEqual(["y", "z"]);
  });

  it("stay unchanged if they hold no residual connection", async () => {
    const model = await openModel(fixture("closed-sums-near-misses"));
    await expect(laurelize(model, { ort })).rejects.toThrow(/cannot be changed in place: n is/);
  });

  it("are refused in a sentence if a quantized one lacks its scale", async () => {
    const text = `<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>
      net (uint8[N, 8] x) => (uint8[N, 8] y) <float scale = {0.1}, uint8 zero = {128}>
      { y = com.microsoft.QLinearAdd(x, "", zero, x, scale, zero, scale, zero) }`;
    await expect(laurelize(await openModel(modelOfText(text)), { ort })).rejects.toThrow(
      "QLinearAdd at y lacks a scale (input 1); the model is damaged.",
    );
  });

  it("are refused with --link-weights, because lowering would move them", async () => {
    const model = await openModel(fixture("closed-sums"));
    await expect(laurelize(model, { ort, linkWeights: true })).rejects.toThrow(
      /has fused nodes with residual connections .* leave it out/,
    );
  });
});

describe("a sum that onnxruntime leaves between NCHWc convolutions", () => {
  it("is refused if its operands lie in blocks, and found if they do not", async () => {
    const text = `<ir_version: 8, opset_import: ["" : 17]>
      g (float[1, 16, 8, 8] x) => (float[1, 16, 8, 8] y, float[1, 16, 8, 8] z)
      <float[16, 16, 3, 3] w, float[16, 16, 3, 3] v, float[16, 16, 1, 1] u> {
        c = Conv<pads = [1, 1, 1, 1]>(x, w) r = Relu(c) f = Conv<pads = [1, 1, 1, 1]>(r, v)
        s = Add(c, f) t = Relu(f) e = Sigmoid(s) a = Mul(s, e) p = Conv(a, u) y = Add(x, p) z = Conv(t, u) }`;
    const plain = await openModel(modelOfText(text));
    const before = await findResiduals(plain, { ort });
    expect(before.sites.map(({ output }) => output.name)).toEqual(["s", "y"]);
    const blocked = await optimized(modelOfText(text), "blocked", "all");
    const adds = blocked.graph.main.nodes.filter(({ op }) => op === "Add");
    const nchwc = blocked.graph.main.nodes.some(({ op }) => op === "com.microsoft.nchwc.Conv");
    if (!nchwc) return console.warn("skipped: this processor has no NCHWc kernels");
    expect(adds.length).toBe(2);
    const { sites, rejected } = await findResiduals(blocked, { ort });
    expect(sites.map(({ output }) => output.name)).toEqual(["y"]);
    const reasons = rejected.map(({ reason }) => reason);
    expect(reasons).toEqual([expect.stringContaining("is added in NCHWc blocks")]);
  });
});

describe.skipIf(!models)("the corpus, optimized by onnxruntime", () => {
  const names = models
    ? ["hand_if", "hf_bert_opset13", "hf_gemma3n", "hf_gpt2_ts", "hf_swin", "hf_t5_encoder"]
    : [];
  const convolving = models ? ["timm_test_convnext", "timm_test_mambaout"] : [];
  it.for([...names, ...convolving, ...(models ? ["timm_test_resnet_qdq"] : [])])(
    "%s: the same sites at every level",
    async (name) => {
      const { sites } = await findResiduals(await open(name), { ort });
      const shapes = (all: typeof sites) =>
        all.map(({ feature, kind }) => `${kind} ${feature.size}`).sort();
      for (const level of ["basic", "extended", "all"] as const) {
        const found = await findResiduals(await optimizedOf(name, level), { ort });
        expect(shapes(found.sites), level).toEqual(shapes(sites));
      }
    },
  );

  it("a quantized network's own sums: proved, and stripped", async () => {
    const { opening } = await proved((await optimizedOf("timm_test_resnet_qdq", "all")).toBytes());
    expect(opening.nodes.map(({ op }) => op)).toEqual(["com.microsoft.QLinearAdd"]);
  });

  it("sums in NCHWc convolutions are refused, with what to do", async () => {
    const model = await optimizedOf("timm_test_resnet", "all");
    await expect(laurelize(model, { ort })).rejects.toThrow(
      /4 sums that cannot be changed in place: .* use the model before it was optimized/,
    );
  });
});
