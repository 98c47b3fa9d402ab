import fs from "node:fs";
import path from "node:path";
import {
  findResiduals,
  type Laurelized,
  laurelize,
  openModel,
  prove,
  strip,
  type VariantName,
} from "laurelize";
import onnxProto from "onnx-proto";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { checksThat, made, overwritten } from "./support/checks.ts";
import { cli } from "./support/cli.ts";
import { fixture, temporaryFolder } from "./support/fixture.ts";
import { modelOfText } from "./support/onnx-text.ts";

const { onnx } = onnxProto;
type ModelProto = InstanceType<typeof onnx.ModelProto>;

const folders = [
  "if-branches",
  "if-same-layer",
  "if-branch-made-outside",
  "if-of-opset-7",
  "loop-body",
  "loop-from-zeros",
  "loop-of-layers",
  "loop-that-grows",
  "loop-with-branches",
  "scan-body",
  "scan-of-opset-8",
];

const augmented = async (bytes: Uint8Array, variant: VariantName = "rw+lr"): Promise<Laurelized> =>
  laurelize(await openModel(bytes), { ort, variant, rank: 4 });

/** The result with something about it changed. */
async function tampered(laurel: Laurelized, change: (model: ModelProto) => void) {
  const proto = onnx.ModelProto.decode(laurel.model.toBytes()) as ModelProto;
  change(proto);
  const model = await openModel(onnx.ModelProto.encode(proto).finish());
  return prove({ ...laurel, model }, { ort });
}

const bodyOf = ({ graph }: ModelProto, attribute: string) =>
  graph!.node!.flatMap((node) => node.attribute!).find(({ name }) => name === attribute)!.g!;

describe("sites in the bodies of If, Loop and Scan", () => {
  it.each(
    folders.flatMap((name) =>
      (["rw+lr", "rw+lr+pa"] as const).map((variant) => [name, variant] as const),
    ),
  )("%s: %s is proved and stripped again", async (name, variant) => {
    const bytes = fixture(name);
    const laurel = await augmented(bytes, variant);
    const proof = await prove(laurel, { ort });
    expect(checksThat("failed", proof).concat(checksThat("not run", proof))).toEqual([]);
    expect(made("right formula", proof).sites.filter(({ madeUp }) => madeUp)).toEqual([]);
    const { model } = await strip(laurel.model);
    expect(Buffer.compare(model.toBytes(), bytes)).toBe(0);
    const again = await augmented(bytes, variant);
    expect(Buffer.compare(again.model.toBytes(), laurel.model.toBytes())).toBe(0);
  });

  it("are named by the path to them", async () => {
    const { plan } = await augmented(fixture("if-branches"));
    expect(plan.sites.map(({ site }) => site.name)).toEqual([
      "branch/then_branch/res",
      "branch/else_branch/res",
    ]);
  });

  it("take the skips of their own body as lags", async () => {
    const { plan } = await augmented(fixture("loop-body"), "pa");
    expect(plan.sites.map(({ operands }) => operands.map(({ name }) => name))).toEqual([
      ["h"],
      ["a", "h"],
    ]);
  });

  it("are found again in a result, and not laurelized twice", async () => {
    const { model } = await augmented(fixture("if-same-layer"));
    const found = await laurelize(await openModel(model.toBytes()), { ort, again: true });
    expect(found.plan.sites.map(({ site }) => site.kind)).toEqual(new Array(5).fill("laurel"));
    const proof = await prove(found, { ort });
    expect(proof.passed).toBe(true);
  });

  it("get Constant nodes instead of initializers below IR version 4", async () => {
    const old = onnx.ModelProto.decode(fixture("loop-body")) as ModelProto;
    old.irVersion = 3;
    old.opsetImport![0].version = 11;
    for (const { name, dims } of old.graph!.initializer!) {
      const shape = { dim: dims!.map((dimValue) => ({ dimValue })) };
      const elemType = name === "turns" ? 7 : 1;
      old.graph!.input!.push({ name: name!, type: { tensorType: { elemType, shape } } });
    }
    const laurel = await augmented(onnx.ModelProto.encode(old).finish(), "rw");
    const { graph } = onnx.ModelProto.decode(laurel.model.toBytes());
    expect(graph!.initializer!.length).toBe(old.graph!.initializer!.length);
    expect(graph!.node![0]).toMatchObject({ opType: "Constant" });
    expect((await prove(laurel, { ort })).passed).toBe(true);
  });
});

describe("the same layer in both branches of an If", () => {
  it("shares one set of weights, recognized by its own: the same values, or the same bytes", async () => {
    const { plan } = await augmented(fixture("if-same-layer"));
    const layers = plan.sites.map(({ site }) => [site.name, site.layer]);
    const [then, other] = ["merged/then_branch", "merged/else_branch"];
    expect(layers).toEqual([
      [`${then}/mlp`, `${then}/mlp`],
      [`${then}/mixer`, `${then}/mixer`],
      [`${other}/mlp`, `${then}/mlp`],
      [`${other}/mixer`, `${then}/mixer`],
      [`${other}/mlp_again`, `${other}/mlp_again`],
    ]);
    const names = plan.sites.map(({ parameters }) => parameters["lr.A"].name);
    expect(new Set(names).size).toBe(3);
    expect(names[2]).toBe("merged/then_branch/mlp.laurel.A");
  });

  it("does not share them if one weight differs", async () => {
    const model = onnx.ModelProto.decode(fixture("if-same-layer")) as ModelProto;
    const mix = bodyOf(model, "then_branch").initializer![0];
    new DataView(mix.rawData!.buffer, mix.rawData!.byteOffset).setFloat32(0, 7, true);
    const { plan } = await augmented(onnx.ModelProto.encode(model).finish());
    expect(plan.sites[3].site.layer).toBe("merged/else_branch/mixer");
  });

  const folder = temporaryFolder();
  it.each([
    ["one place", "0", "merged/then_branch/mixer"],
    ["two places", "256", "merged/else_branch/mixer"],
  ])("shares them by %s of a data file", async (_, offset, layer) => {
    const model = onnx.ModelProto.decode(fixture("if-same-layer")) as ModelProto;
    const own = model.graph!.initializer!.find(({ name }) => name === "own")!;
    const mix = bodyOf(model, "then_branch").initializer![0];
    const values = Float32Array.from({ length: 128 }, (_, k) => k);
    fs.writeFileSync(path.join(folder, "w.bin"), values);
    for (const [tensor, from] of [
      [own, "0"],
      [mix, offset],
    ] as const) {
      const places = { location: "w.bin", offset: from, length: "256" };
      tensor.externalData = Object.entries(places).map(([key, value]) =>
        onnx.StringStringEntryProto.create({ key, value }),
      );
      tensor.dataLocation = onnx.TensorProto.DataLocation.EXTERNAL;
      [tensor.rawData, tensor.floatData] = [new Uint8Array(), []];
    }
    const file = path.join(folder, "m.onnx");
    fs.writeFileSync(file, onnx.ModelProto.encode(model).finish());
    const { sites } = await findResiduals(await openModel(file), { ort });
    expect(sites[3].layer).toBe(layer);
  });
});

describe("the proof of a site in a body", () => {
  const feeds = [
    {
      x: new ort.Tensor(
        "float32",
        Float32Array.from({ length: 64 }, (_, k) => k / 64),
        [1, 4, 1, 16],
      ),
      rate: new ort.Tensor("int64", [8000n], []),
    },
  ];

  it("reports a branch that no input takes as not reached", async () => {
    const proof = await prove(await augmented(fixture("if-branches")), { ort, feeds });
    expect(checksThat("not run", proof)).toEqual(["it can learn"]);
    expect(checksThat("failed", proof)).toEqual([]);
    const check = proof.checks.find(({ name }) => name === "it can learn");
    expect(check).toMatchObject({
      reason: expect.stringMatching(
        /^no sample input is seen to reach 1 of 2 sites \(branch\/then_branch\).* all 3 new tensors/,
      ),
    });
    const { sites } = made("right formula", proof);
    expect(sites.map(({ madeUp }) => madeUp)).toEqual([true, false]);
  });

  it.each([
    [0, 0, "passed"],
    [0, 1, "passed"],
    [0, 2, "passed"],
    [9, 0, "not run"],
  ])("takes a branch on a mean above %i, seed %i: %s", async (least, seed, outcome) => {
    const model = modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
    net (float[2, 8] x) => (float[2, 8] out) <float[8, 8] w, float least = {${least}}>
    { m = ReduceMean<keepdims = 0>(x) c = Greater(m, least)
      out = If<
        then_branch = t () => (float[2, 8] a) { h = Relu(x) f = MatMul(h, w) a = Add(x, f) },
        else_branch = e () => (float[2, 8] b) { b = Neg(x) }
      >(c) }`);
    const laurel = await laurelize(await openModel(model), { ort, variant: "rw", seed });
    const proof = await prove(laurel, { ort, seed });
    expect(proof.checks.at(-1)).toMatchObject({ name: "it can learn", outcome });
  });

  it("finds a dead start in a branch that is taken", async () => {
    const laurel = await augmented(fixture("if-branches"), "rw+lr+pa");
    const proof = await tampered(laurel, ({ graph }) => {
      const name = "branch/then_branch/res.laurel.gamma";
      graph!.initializer!.find((tensor) => tensor.name === name)!.rawData!.fill(0);
    });
    expect(checksThat("failed", proof)).toEqual(["nothing else changed", "it can learn"]);
    expect(made("it can learn", proof).dead).toContain("branch/then_branch/res.laurel.A0");
  });

  it("finds α and β exchanged in a body, and names the site", async () => {
    const laurel = await augmented(fixture("loop-body"), "rw");
    const proof = await tampered(laurel, (model) => {
      const { node } = bodyOf(model, "body");
      const sum = node!.find(({ output }) => output![0] === "a")!;
      const scaled = sum.input!.map((name) => node!.find(({ output }) => output![0] === name)!);
      const [a, b] = scaled.map(({ input }) => input![1]);
      scaled[0].input![1] = b;
      scaled[1].input![1] = a;
    });
    expect(checksThat("failed", proof)).toEqual(["right formula", "nothing else changed"]);
    const wrong = made("right formula", proof).sites.filter(({ passed }) => !passed);
    expect(wrong.map(({ site }) => site)).toEqual(["refine/body/mlp"]);
  });

  it.each([
    ["an operator", "Tanh", "Sinh"],
    ["the name", "with_past", "with_part"],
  ])("finds that %s of a body is another", async (_, from, to) => {
    const laurel = await augmented(fixture("if-same-layer"), "rw");
    const proof = await prove(await overwritten(laurel, from, to), { ort });
    expect(made("nothing else changed", proof).outcome).toBe("failed");
  });

  it("finds a node in a body that was not planned", async () => {
    const laurel = await augmented(fixture("if-same-layer"), "rw");
    const { patch } = laurel.plan;
    const nodes = patch.nodes.filter(({ before }) => before?.scope.kind === "body").slice(1);
    const proof = await prove(
      { ...laurel, plan: { ...laurel.plan, patch: { ...patch, nodes } } },
      { ort },
    );
    expect(made("nothing else changed", proof).outcome).toBe("failed");
  });
});

describe("silero's voice detector, from npm", () => {
  const packages = path.join(import.meta.dirname, "../node_modules");
  const legacy = path.join(packages, "@ricky0123/vad-web/dist/silero_vad_legacy.onnx");

  it("legacy: 8 sites in the branches for two sample rates, proved in both", {
    timeout: 60_000,
  }, () => {
    const folder = temporaryFolder();
    const out = path.join(folder, "vad.onnx");
    const { code, stdout } = cli([legacy, "--variant", "rw+lr+pa", "-o", out]);
    expect(stdout).toMatch(/8 residual sums in 8 streams \(6 projected, 2 identity\)/);
    expect(stdout).toMatch(/right formula +8 of 8 sites, worst/);
    expect(stdout).toMatch(/it can learn +32 of 32 new tensors/);
    expect(code).toBe(0);
    const again = cli([out]);
    expect([again.code, again.stdout]).toEqual([0, expect.stringContaining("already laurelized")]);
    const back = path.join(folder, "back.onnx");
    expect(cli(["strip", out, "-o", back]).code).toBe(0);
    expect(Buffer.compare(fs.readFileSync(back), fs.readFileSync(legacy))).toBe(0);
  });

  it.each(["silero_vad_v5.onnx", "silero_vad_v6.onnx"])("%s: none in its nested Ifs", (name) => {
    const { code, stdout, stderr } = cli(["inspect", path.join(path.dirname(legacy), name)]);
    expect([code, stdout]).toEqual([0, expect.stringContaining("no residual sum; 2 other Adds")]);
    expect(stderr).toBe("");
  });
});
