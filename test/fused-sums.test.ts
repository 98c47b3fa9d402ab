import fs from "node:fs";
import path from "node:path";
import { findResiduals, laurelize, NoSiteError, openModel, prove, strip } from "laurelize";
import onnxProto from "onnx-proto";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { checksThat, made } from "./support/checks.ts";
import { corpus, fixture, textOf } from "./support/fixture.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { isNightly } from "./support/sweep.ts";

const { onnx } = onnxProto;
type ModelProto = InstanceType<typeof onnx.ModelProto>;

const variants = ["rw", "lr", "rw+lr", "rw+lr+pa"];
const norms = ["skip-norm-post", "skip-norm-pre", "skip-norm-simplified"];
const kernelless = ["skip-group-norm", "bias-add"];

const augmented = async (model: Uint8Array | string, options: object) =>
  laurelize(await openModel(model), { ort, ...options });

const unproved = (proof: Parameters<typeof checksThat>[1]) => [
  ...checksThat("failed", proof),
  ...checksThat("not run", proof),
];

/** Operators of a model, those that were inserted left out. */
const operators = (model: Awaited<ReturnType<typeof openModel>>) =>
  model.graph.main.nodes
    .filter(({ message }) => !message.name.includes(".laurel."))
    .map(({ op }) => op);

describe("a sum inside a norm", () => {
  it.each(norms.flatMap((name) => variants.map((variant) => [name, variant] as const)))(
    "%s is proved, its kernel kept: %s",
    async (name, variant) => {
      const scales = variant.includes("rw") ? [false, true] : [false];
      for (const perChannel of isNightly ? scales : scales.slice(-1)) {
        const laurel = await augmented(fixture(name), { variant, perChannel, rank: 4 });
        expect(laurel.plan.sites.length).toBe(3);
        expect(operators(laurel.model)).toEqual(operators(laurel.original));
        const proof = await prove(laurel, { ort });
        expect(unproved(proof)).toEqual([]);
        const alone = await prove(laurel, { ort, extent: "sites" });
        expect(unproved(alone)).toEqual([]);
      }
    },
  );

  const surrounded = `<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>
    net (float[N, 5, 8] x) => (float[N, 5, 8] out) <float[8, 8] w, float[8] g, float[8] b> {
      p = MatMul(x, w) f = MatMul(p, w) [one] y = Add(p, f) r = Relu(y) f1 = MatMul(r, w)
      [two] n, "", "", y1 = com.microsoft.SkipLayerNormalization<epsilon = 1.0e-5>(y, f1, g, b)
      f2 = MatMul(n, w) [three] out = Add(f2, y1) }`;
  const halves = [
    ...norms.map((name) => [name, textOf(name)]),
    ["one norm among products", surrounded],
  ];
  it.each(halves.map(([name, text], k) => [name, text, k] as const))(
    "%s is proved in half precision, any of its sites alone",
    { timeout: 60_000 },
    async (_, text, turn) => {
      const model = modelOfText(text.replaceAll("float[", "float16["));
      for (const variant of isNightly ? ["rw+lr", "rw+lr+pa"] : ["rw+lr+pa"])
        for (const [k, include] of [[], ["one"], ["two"], ["three"]].entries()) {
          // In `npm test` all sites of each, and one alone in turn.
          if (!isNightly && k > 0 && k !== (turn % 3) + 1) continue;
          const laurel = await augmented(model, { variant, include, rank: 4 });
          const [{ parameters }] = laurel.plan.sites;
          for (const { dtype } of Object.values(parameters)) expect(dtype).toBe("float16");
          expect(unproved(await prove(laurel, { ort })), `${variant} ${include}`).toEqual([]);
        }
    },
  );

  it.each(norms)(
    "%s: the sites are one stream, over output 0 or the sum beside it",
    async (name) => {
      const { sites } = await findResiduals(await openModel(fixture(name)), { ort });
      expect(sites.map(({ stream, position }) => [stream, position])).toEqual([
        [0, 0],
        [0, 1],
        [0, 2],
      ]);
      const laurel = await augmented(fixture(name), { variant: "rw+pa" });
      expect(laurel.plan.sites.map(({ operands }) => operands.length)).toEqual([1, 2, 3]);
    },
  );

  it.each(norms)("%s: laurelized twice, stripped once and once more", async (name) => {
    const bytes = fixture(name);
    const once = await augmented(bytes, { variant: "rw+lr" });
    const result = await openModel(once.model.toBytes());
    const found = await findResiduals(result, { ort });
    expect(found.sites.map(({ kind }) => kind)).toEqual(["laurel", "laurel", "laurel"]);
    const twice = await laurelize(result, { ort, variant: "rw+lr+pa", again: true });
    expect(unproved(await prove(twice, { ort }))).toEqual([]);
    const back = await strip(await openModel(twice.model.toBytes()));
    expect(Buffer.compare(back.model.toBytes(), once.model.toBytes())).toBe(0);
    const first = await strip(await openModel(back.model.toBytes()));
    expect(Buffer.compare(first.model.toBytes(), bytes)).toBe(0);
  });

  const mistakes: [string, string, (model: ModelProto) => void][] = [
    [
      "the bias is left unweighed",
      "skip-norm-post",
      (model) => {
        nodeNamed(model, "one").input![4] = "bias";
      },
    ],
    [
      "α and β are exchanged",
      "skip-norm-post",
      (model) => {
        const { input } = nodeNamed(model, "two");
        const scaled = [0, 1].map((k) => nodeMaking(model, input![k]));
        const [a, b] = scaled.map((node) => node.input![1]);
        scaled[0].input![1] = b;
        scaled[1].input![1] = a;
      },
    ],
    [
      "the skip goes its old way",
      "skip-norm-pre",
      (model) => {
        nodeNamed(model, "three").input![0] = "y2";
      },
    ],
  ];
  it.each(mistakes)("the formula finds that %s", async (_, name, change) => {
    const laurel = await augmented(fixture(name), { variant: "rw+lr" });
    const proto = onnx.ModelProto.decode(laurel.model.toBytes()) as ModelProto;
    change(proto);
    const model = await openModel(onnx.ModelProto.encode(proto).finish());
    const proof = await prove({ ...laurel, model }, { ort });
    expect(checksThat("failed", proof)).toContain("right formula");
    const failing = made("right formula", proof).sites.filter(({ passed }) => !passed);
    expect(failing.length).toBe(1);
  });
});

const nodeNamed = (model: ModelProto, name: string) =>
  model.graph!.node!.find((node) => node.name === name)!;
const nodeMaking = (model: ModelProto, output: string) =>
  model.graph!.node!.find((node) => node.output!.includes(output))!;

describe("a sum in an operator that the CPU has no kernel for", () => {
  it.each(kernelless.flatMap((name) => variants.map((variant) => [name, variant] as const)))(
    "%s is proved at its sites, and said to be not run: %s",
    async (name, variant) => {
      const rank = variant.includes("lr") ? { rank: 4 } : {};
      const laurel = await augmented(fixture(name), { variant, ...rank });
      expect(laurel.warnings).toEqual([]);
      expect(operators(laurel.model)).toEqual(operators(laurel.original));
      const proof = await prove(laurel, { ort });
      expect(proof.passed).toBe(false);
      expect(checksThat("failed", proof)).toEqual([]);
      expect(checksThat("not run", proof)).toEqual(["same function", "it can learn"]);
      const { sites } = made("right formula", proof);
      expect(sites.length).toBe(laurel.plan.sites.length);
      const back = await strip(await openModel(laurel.model.toBytes()));
      expect(Buffer.compare(back.model.toBytes(), fixture(name))).toBe(0);
    },
  );
});

const root = corpus();

describe.skipIf(!root)("the corpus's fused models", () => {
  const fused = ["models/hf_bert_ortopt", "models/hf_gpt2_ts_ortopt", "wild/genai_tiny_gpt2"];
  it.each(
    fused.flatMap((name) => ["rw+lr", "rw+lr+pa"].map((variant) => [name, variant] as const)),
  )("%s is proved: %s", async (name, variant) => {
    const laurel = await augmented(path.join(root!, `${name}.onnx`), { variant });
    for (const { site } of laurel.plan.sites) {
      expect(site.form).toBe("skip norm");
      expect(site.feature).toEqual({ axis: 2, size: site.shape[2] });
    }
    expect(unproved(await prove(laurel, { ort }))).toEqual([]);
  });

  it("an NCHWc model is refused with what to do instead", async () => {
    const file = path.join(root!, "models/timm_test_resnet_ortall.onnx");
    expect(fs.existsSync(file)).toBe(true);
    const refused = augmented(file, {});
    await expect(refused).rejects.toThrow(NoSiteError);
    await expect(refused).rejects.toThrow(/4 sums .* the model before it was optimized/);
  });
});
