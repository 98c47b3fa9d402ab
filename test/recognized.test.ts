import fs from "node:fs";
import path from "node:path";
import { findResiduals, laurelize, openModel, type VariantName } from "laurelize";
import onnxProto from "onnx-proto";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { uniform } from "../src/graph/random.ts";
import { temporaryFolder } from "./support/fixture.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { sessionOn } from "./support/session.ts";
import { isNightly } from "./support/sweep.ts";

const { onnx } = onnxProto;
type Proto = ReturnType<typeof onnx.ModelProto.decode>;

/** Three residual blocks of convolutions in one stream. */
const images = modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
  g (float[1, 3, 8, 8] image) => (float[1, 4, 8, 8] z)
  <float[8, 3, 3, 3] s, float[8, 8, 3, 3] w, float[8, 8, 3, 3] w2, float[8, 8, 3, 3] w3, float[8] b, float[4, 8, 1, 1] v>
  { x0 = Conv<pads = [1, 1, 1, 1]>(image, s, b) x = Relu(x0)
    f1 = Conv<pads = [1, 1, 1, 1]>(x, w, b) y1 = Add(f1, x) r1 = Relu(y1)
    f2 = Conv<pads = [1, 1, 1, 1]>(r1, w2, b) y2 = Add(f2, r1) r2 = Relu(y2)
    f3 = Conv<pads = [1, 1, 1, 1]>(r2, w3, b) y3 = Add(r2, f3) r3 = Relu(y3) z = Conv(r3, v) }`);

/** Two transformer blocks without attention: norm, product, activation, product. */
const tokens = (shape: string, type = "float") =>
  modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
  g (${type}[${shape}, 8] x) => (${type}[${shape}, 8] y2)
  <${type}[8] g1, ${type}[8, 16] u1, ${type}[16, 8] d1, ${type}[8] g2, ${type}[8, 16] u2, ${type}[16, 8] d2, ${type}[8] b>
  { n1 = LayerNormalization(x, g1) a1 = MatMul(n1, u1) r1 = Relu(a1) p1 = MatMul(r1, d1) f1 = Add(p1, b) y1 = Add(x, f1)
    n2 = LayerNormalization(y1, g2) a2 = MatMul(n2, u2) r2 = Relu(a2) p2 = MatMul(r2, d2) f2 = Add(p2, b) y2 = Add(f2, y1) }`);

/** Features on the first of two axes of positions: maps are transposed there. */
const first = modelOfText(
  `<ir_version: 8, opset_import: ["" : 17]>
  g (float[N, 8, 5, 4, 3, 2] x) => (float[N, 8, 5, 4, 3, 2] y)
  <float[8, 8] w, float[8, 8] v>
  { t = Transpose<perm = [0, 2, 3, 4, 5, 1]>(x) a = MatMul(t, w) r = Relu(a) b = MatMul(r, v) f = Transpose<perm = [0, 5, 1, 2, 3, 4]>(b) y = Add(f, x) }`.replace(
    "{ a",
    "{ t = Transpose<perm = [0, 2, 3, 4, 5, 1]>(x) a",
  ),
);

/** Moves LAuReL's weights away from where they start, as training does. */
function trained(proto: Proto): Proto {
  const random = uniform(7, "training");
  for (const tensor of proto.graph!.initializer ?? []) {
    const role = /\.laurel\.(w|p|alpha|beta|gamma|[AB]\d*)$/.exec(tensor.name ?? "")?.[1];
    if (!role || tensor.dataType !== 1) continue;
    const data = new Float32Array(new Uint8Array(tensor.rawData!).buffer);
    for (const k of data.keys()) data[k] += 0.2 * (random() - 0.5);
    tensor.rawData = new Uint8Array(data.buffer);
  }
  return proto;
}

/** Drops the metadata and names every value, node and weight anew. */
function renamed(proto: Proto): Proto {
  const names = new Map<string, string>();
  const graph = proto.graph!;
  for (const { name } of [...graph.input!, ...graph.output!]) names.set(name!, name!);
  const anew = (name: string) => {
    if (name === "") return "";
    if (!names.has(name)) names.set(name, `v${names.size}`);
    return names.get(name)!;
  };
  for (const tensor of graph.initializer ?? []) tensor.name = anew(tensor.name!);
  for (const node of graph.node!) {
    node.name = "";
    node.input = node.input!.map(anew);
    node.output = node.output!.map(anew);
  }
  graph.valueInfo = [];
  proto.metadataProps = [];
  return proto;
}

const folder = temporaryFolder();

/** As onnxruntime writes a model at a level of its optimizer, constants folded. */
async function optimized(bytes: Uint8Array): Promise<Uint8Array> {
  const optimizedModelFilePath = path.join(folder, "optimized.onnx");
  const options = { graphOptimizationLevel: "basic", logSeverityLevel: 3 } as const;
  const session = await sessionOn(bytes, { ...options, optimizedModelFilePath });
  await session.release();
  return fs.readFileSync(optimizedModelFilePath);
}

const VARIANTS = ["rw", "lr", "pa", "rw+lr", "rw+pa", "lr+pa", "rw+lr+pa"] as const;
const encode = (proto: Proto) => onnx.ModelProto.encode(proto).finish();

async function kindsOf(bytes: Uint8Array) {
  const { sites, rejected } = await findResiduals(await openModel(bytes), { ort });
  const sums = rejected.filter(({ reason }) => !reason.startsWith("adds the constant"));
  return { kinds: sites.map(({ kind }) => kind), other: sums.map(({ reason }) => reason) };
}

describe("LAuReL without its metadata and names", { timeout: 120_000 }, () => {
  const models = { images, tokens: tokens("N, 4"), rows: tokens("N"), first };
  const cases = Object.entries(models).flatMap(([name, model]) =>
    VARIANTS.flatMap((variant) =>
      (["softmax", "sigmoid", "none"] as const)
        .filter((normalize) => normalize === "softmax" || variant.includes("rw"))
        .map(
          (normalize) => [`${variant} ${normalize} on ${name}`, model, variant, normalize] as const,
        ),
    ),
  );

  const numbered = cases.map((one, k) => [...one, k] as const);
  it.each(numbered)(
    "%s is recognized, folded too",
    async (_, original, variant, normalize, turn) => {
      const plain = await openModel(original);
      const before = await findResiduals(plain, { ort });
      const laurel = before.sites.map(() => "laurel");
      const choices = (variant.includes("rw") ? [false, true] : [false]).flatMap((perChannel) =>
        (variant.includes("pa") ? [false, true] : [false]).map((shareLags) => ({
          perChannel,
          shareLags,
        })),
      );
      // In `npm test` one of the choices in turn.
      for (const { perChannel, shareLags } of isNightly
        ? choices
        : [choices[turn % choices.length]]) {
        const options = {
          ort,
          variant: variant as VariantName,
          normalize,
          perChannel,
          shareLags,
          rank: 2,
        };
        const { model } = await laurelize(plain, options);
        const bytes = encode(renamed(trained(onnx.ModelProto.decode(model.toBytes()))));
        const said = { perChannel, shareLags };
        expect({ ...said, ...(await kindsOf(bytes)) }).toEqual({
          ...said,
          kinds: laurel,
          other: [],
        });
        const folded = await kindsOf(await optimized(bytes));
        expect({ ...said, ...folded }).toEqual({ ...said, kinds: laurel, other: [] });
        await expect(laurelize(await openModel(bytes), { ort })).rejects.toThrow(
          "already laurelized",
        );
      }
    },
  );

  it("PA is recognized where branches are multiplied by one number", async () => {
    const model = modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
      g (float[N, 4, 8] x) => (float[N, 4, 8] y2)
      <float[8, 16] u, float[16, 8] d, float half = {0.5}>
      { a0 = MatMul(x, u) r0 = Relu(a0) f0 = MatMul(r0, d) h0 = Mul(f0, half) y0 = Add(x, h0)
        a1 = MatMul(y0, u) r1 = Relu(a1) f1 = MatMul(r1, d) h1 = Mul(f1, half) y1 = Add(h1, y0)
        a2 = MatMul(y1, u) r2 = Relu(a2) f2 = MatMul(r2, d) y2 = Add(y1, f2) }`);
    const laurel = await laurelize(await openModel(model), { ort, variant: "pa" });
    const bytes = laurel.model.toBytes();
    for (const each of [bytes, encode(renamed(trained(onnx.ModelProto.decode(bytes))))])
      expect(await kindsOf(each)).toEqual({ kinds: ["laurel", "laurel", "laurel"], other: [] });
  });

  it("a model with a scaled skip or a low-rank branch of its own is not recognized", async () => {
    const model = modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
      g (float[N, 4, 8] x) => (float[N, 4, 8] y5)
      <float[8, 16] u, float[16, 8] d, float half = {0.5}, float c = {0.7}, float s = {0.3}, float more = {1.5}, float[8, 2] A, float[2, 8] B, float[8, 8] E, float[1, 1, 1] one = {1.0}>
      { a0 = MatMul(x, u) r0 = Relu(a0) f0 = MatMul(r0, d) h0 = Mul(f0, one) x0 = Mul(x, one) y0 = Add(x0, h0)
        a1 = MatMul(y0, u) r1 = Relu(a1) f1 = MatMul(r1, d) h1 = Mul(f1, half) y1 = Add(y0, h1)
        a2 = MatMul(y1, u) r2 = Relu(a2) f2 = MatMul(r2, d) x2 = Mul(y1, c) h2 = Mul(f2, s) y2 = Add(x2, h2)
        a3 = MatMul(y2, u) r3 = Relu(a3) f3 = MatMul(r3, d) x3 = Mul(y2, half) h3 = Mul(f3, half) y3 = Add(h3, x3)
        a4 = MatMul(y3, u) q4 = Relu(a4) p4 = MatMul(q4, d) d4 = MatMul(y3, A) e4 = MatMul(d4, B) s4 = Add(p4, e4)
        r4 = Relu(s4) f4 = MatMul(r4, E) y4 = Add(f4, y3)
        a5 = MatMul(y4, u) r5 = Relu(a5) f5 = MatMul(r5, d) x5 = Mul(y4, more) h5 = Mul(f5, half) y5 = Add(x5, h5) }`);
    expect((await kindsOf(model)).kinds.filter((kind) => kind === "laurel")).toEqual([]);
  });

  it.each([
    ["the same", 0.5, []],
    ["other", 0.5001, ["laurel", "laurel"]],
  ])("a model that weighs every sum with %s numbers", async (_, last, laurel) => {
    const model = modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
      g (float[N, 8] x) => (float[N, 8] y2)
      <float[8, 16] u, float[16, 8] d, float c = {0.8660254}, float s = {0.51}, float t = {${last + 0.01}}>
      { a1 = MatMul(x, u) r1 = Relu(a1) f1 = MatMul(r1, d) x1 = Mul(x, c) h1 = Mul(f1, s) y1 = Add(x1, h1)
        a2 = MatMul(y1, u) r2 = Relu(a2) f2 = MatMul(r2, d) x2 = Mul(y1, c) h2 = Mul(f2, t) y2 = Add(x2, h2) }`);
    expect((await kindsOf(model)).kinds.filter((kind) => kind === "laurel")).toEqual(laurel);
  });
});
